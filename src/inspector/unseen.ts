/**
 * Text with signs for what is not seen: blanks, and characters that show nothing or turn the direction of others.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, signOf);
}

/**
 * Text in one line, with signs for what would turn or hide its other characters. Blanks are left, and so is what joins
 * characters, as emoji and many scripts need it.
 */
export function inOneLine(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ` ${SIGNS['\n']} `)
    .replace(UNSEEN, character =>
      HARMLESS.has(character) ? character : signOf(character)
    );
}

function signOf(character: string): string {
  const code = character.charCodeAt(0).toString(16).toUpperCase();
  return SIGNS[character] ?? `U+${code.padStart(4, '0')}`;
}

const SIGNS: { [character: string]: string } = {
  ' ': '·',
  '\n': '⏎',
  '\t': '⇥'
};

const UNSEEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0020\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3000\ufeff]/g;

const HARMLESS = new Set(' \u00a0\u200c\u200d\u202f\u3000');
