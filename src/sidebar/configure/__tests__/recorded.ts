import { readFileSync } from 'fs';
import { join } from 'path';

import type { JSONObject } from '@lumino/coreutils';

import type { IModelChoice, IPreset } from '../../../kernel/protocol';

/**
 * What a kernel answered to `schema`, `presets` and `models`.
 */
export const recorded = JSON.parse(
  readFileSync(join(__dirname, 'kernel.json'), 'utf8')
) as { schema: JSONObject; presets: IPreset[]; models: IModelChoice[] };
