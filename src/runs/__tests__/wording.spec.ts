import { nullTranslator } from '@jupyterlab/translation';

import type { RunState } from '../wording';
import { canBeTold, isOver, Wording } from '../wording';

const wording = new Wording(nullTranslator.load(''));

describe('The wording', () => {
  it.each([
    [0, '0 s'],
    [59.4, '59 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [3600, '1 h 00 min'],
    [7625, '2 h 07 min'],
    [-1, '0 s']
  ])('of %d seconds is that of the cell output', (seconds, text) => {
    expect(wording.duration(seconds)).toBe(text);
  });

  const told = (state: RunState) =>
    Object.entries(canBeTold(state))
      .filter(([, can]) => can)
      .map(([command]) => command);

  it('offers a run only what it can do', () => {
    expect(told('queued')).toEqual([]);
    expect(told('loading')).toEqual(['stop']);
    expect(told('training')).toEqual(['pause', 'stop', 'save', 'sample']);
    expect(told('paused')).toEqual(['resume', 'stop', 'save', 'sample']);
    expect(told('stopping')).toEqual([]);
    expect(told('finished')).toEqual([]);
  });

  it('knows which states are an end', () => {
    const ends: RunState[] = ['finished', 'stopped', 'failed'];
    expect(ends.every(isOver)).toBe(true);
    expect(isOver('paused')).toBe(false);
  });
});
