import { nullTranslator } from '@jupyterlab/translation';

import { faultOfName } from '../named';
import { recorded } from './recorded';

const trans = nullTranslator.load('');

describe('A configuration', () => {
  it.each(['mine', 'Quick try 2', 'beginners'])('can be saved as %j', name => {
    expect(faultOfName(name, recorded.presets, trans)).toBeNull();
  });

  it.each(['Quick try', 'quick TRY', 'low-memory'])(
    'cannot be saved under the name of a preset: %j',
    name => {
      expect(faultOfName(name, recorded.presets, trans)?.what).toBe(
        `${name} is a preset already.`
      );
    }
  );

  it('cannot be saved without a name', () => {
    expect(faultOfName('', recorded.presets, trans)).not.toBeNull();
  });
});
