import { nullTranslator } from '@jupyterlab/translation';

import { tokensText } from '../strip';

describe('The tokens of a plan', () => {
  it.each([
    [1200, 300, '1,200, of which 300 are learned'],
    [1200, 0, '1,200 in the prompts; the answers are learned']
  ])('are told: %p, %p learned', (tokens, trained, text) => {
    const inspection = { epoch_tokens: tokens, epoch_trained_tokens: trained };
    expect(tokensText(inspection, nullTranslator.load(''))).toBe(text);
  });
});
