import { readFileSync } from 'fs';
import { join } from 'path';

import type { JSONObject } from '@lumino/coreutils';

import type { IPreset } from '../../../kernel/protocol';

/**
 * What a kernel answered to `schema` and `presets`.
 */
export const recorded = JSON.parse(
  readFileSync(join(__dirname, 'kernel.json'), 'utf8')
) as { schema: JSONObject; presets: IPreset[] };
