import type { IRowSide } from '../../kernel/protocol';
import { partsOf } from '../differences';
import { countsOf, spansOf, tokensOf, visible } from '../tokens';

const side = (parts: Partial<IRowSide>): IRowSide => ({
  name: '',
  turns: [],
  text: '',
  ids: (parts.pieces ?? []).map((_, index) => index),
  pieces: [],
  trained: [],
  kept: [0, parts.pieces?.length ?? 0],
  ...parts
});

const texts = (parts: Partial<IRowSide>) =>
  tokensOf(side(parts)).map(({ text }) => text);

describe('The tokens of a row', () => {
  it('are learned and cut as the trainer says', () => {
    const tokens = tokensOf(
      side({
        text: 'a b c d',
        pieces: ['a', ' b', ' c', ' d'],
        trained: [[1, 4]],
        kept: [0, 3]
      })
    );
    expect(countsOf(tokens)).toEqual({ tokens: 4, learned: 2, cut: 1 });
    expect(spansOf(tokens)).toEqual([
      { text: 'a', isLearned: false, isCut: false, isDifferent: false },
      { text: ' b c', isLearned: true, isCut: false, isDifferent: false },
      { text: ' d', isLearned: true, isCut: true, isDifferent: false }
    ]);
  });

  it('keep the blanks that they lose when they are decoded alone', () => {
    expect(
      texts({
        text: '<s> Hello big world',
        pieces: ['<s>', 'Hello', 'big', 'world']
      })
    ).toEqual(['<s>', ' Hello', ' big', ' world']);
  });

  it('that write a character together show it once', () => {
    const pieces = [
      'a',
      '\ufffd',
      '\ufffd',
      '\ufffd',
      ' b',
      '\ufffd',
      '\ufffd'
    ];
    expect(texts({ text: 'a😀 b🎉', pieces })).toEqual([
      'a',
      '',
      '',
      '😀',
      ' b',
      '',
      '🎉'
    ]);
  });

  it('make up the text in any case', () => {
    const pieces = ['x', '\ufffd', '', ' \ufffd', '\ufffd', 'x', 'x'];
    expect(texts({ text: 'xé 😀xx', pieces }).join('')).toBe('xé 😀xx');
  });
});

it('Blanks and characters that are not seen are shown as signs', () => {
  expect(visible('a b\n\tc')).toBe('a·b⏎⇥c');
  expect(visible('a\u200bb\u202ec\u00a0')).toBe('aU+200BbU+202EcU+00A0');
  expect(visible('日本 é')).toBe('日本·é');
});

describe('The differences of two answers', () => {
  const different = (text: string, other: string) =>
    partsOf(text, other)
      .filter(({ isDifferent }) => isDifferent)
      .map(({ text }) => text);

  it('are words', () => {
    expect(different('The cat sat.', 'The dog sat.')).toEqual(['cat']);
    expect(different('Кот сидит здесь.', 'Кот лежит здесь.')).toEqual([
      'сидит'
    ]);
    expect(different('same', 'same')).toEqual([]);
  });

  it('leave out nothing of the text', () => {
    const text = 'One two\n\nthree, four.';
    const parts = partsOf(text, 'Two three five');
    expect(parts.map(({ text }) => text).join('')).toBe(text);
  });
});
