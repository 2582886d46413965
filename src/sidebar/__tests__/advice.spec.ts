import { nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../../tokens';
import { VERSION } from '../../version';
import { adviceFor } from '../advice';

const trans = nullTranslator.load('');

describe('The advice of the sidebar', () => {
  it('is none when the kernel is ready', () => {
    expect(adviceFor({ kind: 'ready', version: '1' }, trans)).toBeNull();
  });

  it('offers the quickstart where no notebook is open', () => {
    const advice = adviceFor({ kind: 'no-notebook' }, trans);
    expect(advice?.action?.command).toBe(CommandIDs.openQuickstart);
  });

  it('names the exact package where the kernel half is missing', () => {
    const advice = adviceFor({ kind: 'not-loaded', message: '' }, trans);
    expect(advice?.code).toBe(`%pip install jupyterlab-llmtune==${VERSION}`);
    expect(advice?.action?.runs).toBe(true);
  });

  it.each([
    ['0.9.0', '0.10.0', '%pip install jupyterlab-llmtune==0.10.0'],
    ['0.10.0', '0.9.1', 'pip install jupyterlab-llmtune==0.10.0']
  ])('with %s in the kernel and %s here is %s', (kernel, frontend, code) => {
    const state = { kind: 'version-mismatch', kernel, frontend } as const;
    expect(adviceFor({ ...state, message: '' }, trans)?.code).toBe(code);
  });

  it('says which language a kernel has that is not Python', () => {
    const state = { kind: 'other-language', language: 'R' } as const;
    expect(adviceFor(state, trans)?.title).toContain('R');
  });
});
