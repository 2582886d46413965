import type { IRowSide } from '../../kernel/protocol';
import { partsOf } from '../differences';
import { byCharacters, compared, countsOf, spansOf, tokensOf } from '../tokens';
import { inOneLine, visible } from '../unseen';

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

  it('that write a character together are told from those that write none', () => {
    const tokens = tokensOf(
      side({ text: 'a😀b', pieces: ['a', '', '\ufffd', '\ufffd', 'b'] })
    );
    expect(tokens.map(({ part }) => part)).toEqual([null, null, 1, 2, null]);
    expect(
      byCharacters(tokens).map(group => group.map(({ text }) => text))
    ).toEqual([['a'], [''], ['', '😀'], ['b']]);
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

it('A line has signs for what would turn or hide the rest of it, and no others', () => {
  expect(inOneLine('abc \u202edef\u202c')).toBe('abc U+202EdefU+202C');
  expect(inOneLine('a\u2066b\u200fc\u0000')).toBe('aU+2066bU+200FcU+0000');
  expect(inOneLine('a  \r\n b c')).toBe('a ⏎ b c');
  expect(inOneLine('👩\u200d💻 x\u00a0y')).toBe('👩\u200d💻 x\u00a0y');
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

  it('are whole sentences between answers that share little but everyday words', () => {
    const text =
      'The sky is blue. It scatters the light of the sun, and blue is scattered most.';
    const other =
      'In the morning you see the colour of the sea. The sky is blue.';
    expect(different(text, other)).toEqual([
      'It scatters the light of the sun, and blue is scattered most.'
    ]);
    expect(different(other, text)).toEqual([
      'In the morning you see the colour of the sea. '
    ]);
  });

  it('are not marked where answers share no sentence either', () => {
    const text = 'The mouse is afraid of the cat, and hides.';
    const other = 'Most animals flee the sight of larger ones.';
    expect(different(text, other)).toEqual([]);
    expect(different('天气很好。', '我不知道答案。')).toEqual([]);
  });

  it('are of the same kind in tokens, whatever the prompt is', () => {
    const of = (answer: string) => {
      const prompt = 'Why is the sky blue, and what is the sea?'.split(/(?= )/);
      const pieces = [...prompt, ...answer.split(/(?= )/), '<|im_end|>', '\n'];
      return side({
        text: pieces.join(''),
        pieces,
        ids: pieces.map(piece =>
          [...piece].reduce((id, sign) => id * 31 + sign.charCodeAt(0), 7)
        ),
        trained: [[prompt.length, pieces.length]]
      });
    };
    const marked = (answer: string, other: string) =>
      compared([of(answer), of(other)])[0]
        .filter(({ isDifferent }) => isDifferent)
        .map(({ text }) => text)
        .join('');
    expect(
      marked(
        ' Because of air. It is cold.',
        ' The end of days is near. It is cold.'
      )
    ).toBe(' Because of air.');
    expect(marked(' Because of air.', ' The end of days is near.')).toBe('');
    expect(marked(' Because of air.', ' Because of dust.')).toBe(' air.');
  });

  it('are whole lines of long texts', () => {
    const lines = Array.from(
      { length: 9_000 },
      (_, line) => `It is ${line}.\n`
    );
    const other = [...lines];
    other[7_000] = 'It was 7000.\n';
    expect(
      partsOf(lines.join(''), other.join(''))
        .filter(({ isDifferent }) => isDifferent)
        .map(({ text }) => text)
    ).toEqual([lines[7_000]]);
  });

  it('leave out nothing of the text', () => {
    const text = 'One two\n\nthree, four.';
    const parts = partsOf(text, 'Two three five');
    expect(parts.map(({ text }) => text).join('')).toBe(text);
  });
});
