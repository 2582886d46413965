import { TranslationManager } from '@jupyterlab/translation';

import type { TranslationBundle } from '@jupyterlab/translation';

import { recorded } from '../sidebar/configure/__tests__/recorded';
import {
  localizedPresets,
  localizedSchema
} from '../sidebar/configure/localized';
import { fieldsOf } from '../sidebar/configure/fields';
import { groupsOf } from '../sidebar/configure/groups';
import { TRANSLATION_DOMAIN } from '../tokens';

const {
  LANGUAGES,
  faults,
  messages,
  translations,
  untranslated
}: {
  LANGUAGES: string[];
  /** What is wrong with the translations into a language. */
  faults: (language: string) => string[];
  /** Plurals, or null, by the key of a text. */
  messages: () => Map<string, string | null>;
  translations: (language: string) => { [key: string]: string[] };
  /** Texts that no translator sees, each with its place. */
  untranslated: (sources?: [string, string][]) => string[];
} = require('../../scripts/messages');

const settings = require('../../schema/settings/plugin.json');

describe('Translations', () => {
  it.each(LANGUAGES)(
    '%s has all texts, no others, and their placeholders',
    language => {
      expect(faults(language)).toEqual([]);
    }
  );

  it.each(LANGUAGES)('JupyterLab shows each text in %s', async language => {
    const trans = await bundle(language);
    const table = translations(language);
    for (const [key, plural] of messages()) {
      const [text, context] = key.split('\u0004').reverse();
      const shown = plural
        ? trans._n(text, plural, 7)
        : context
          ? trans._p(context, text)
          : trans.__(text);
      const forms = table[key].map((form: string) =>
        trans.strfmt(form, plural ? 7 : undefined)
      );
      expect(forms.filter(Boolean)).toContain(shown);
    }
  });

  it.each([
    ['ja_JP', '1 ステップ', '3 ステップ', '5 ステップ'],
    ['ko_KR', '1스텝', '3스텝', '5스텝'],
    ['ru_RU', '1 шаг', '3 шага', '5 шагов'],
    ['zh_CN', '1 步', '3 步', '5 步']
  ])('counts as one does in %s', async (language, ...wanted) => {
    const trans = await bundle(language);
    expect([1, 3, 5].map(n => trans._n('%2 step', '%2 steps', n, n))).toEqual(
      wanted
    );
  });

  it('show each setting of the user in their language', async () => {
    const trans = await bundle('ru_RU');
    const { title, description, properties } = localizedSchema(
      settings,
      trans
    ) as any;
    for (const part of [
      { title, description },
      ...Object.values<any>(properties)
    ]) {
      expect(part.title).toMatch(CYRILLIC);
      expect(part.description).toMatch(CYRILLIC);
    }
  });

  it('show the form of the kernel, its presets and models', async () => {
    const trans = await bundle('ru_RU');
    const schema = localizedSchema(recorded.schema, trans);
    const full = { method: { type: 'full' } };
    for (const values of [{}, full]) {
      for (const field of fieldsOf(schema, values)) {
        expect(field.help).toMatch(CYRILLIC);
        expect(`${field.title} ${field.unit}`).toMatch(
          NAMES.includes(field.title) ? field.title : CYRILLIC
        );
      }
      for (const { name, title } of groupsOf(
        fieldsOf(schema, values),
        schema
      )) {
        expect(title).toMatch(name ? CYRILLIC : '');
      }
    }
    const presets = localizedPresets(recorded.presets, trans);
    for (const { title, description } of presets) {
      expect(title).toMatch(CYRILLIC);
      expect(description).toMatch(CYRILLIC);
    }
    expect(presets.map(({ values }) => values)).toEqual(
      recorded.presets.map(({ values }) => values)
    );
  });
});

describe('Visible texts', () => {
  it('all go through the translator', () => {
    expect(untranslated()).toEqual([]);
  });

  it('are found wherever they stand', () => {
    const source = `
      const a = <p title={isOn ? 'On' : trans.__('Off')}>Words {count}</p>;
      const b = <>{isOn && 'shown'} {kind === 'hidden' ? <i /> : \`no \${a} way\`}</>;
      button.title = 'Press';
      button.setAttribute('aria-label', 'Press it');
      const item = { label: 'Item', id: 'item', title: '' };
      const c = <i className="icon" aria-label={trans.__('Icon')}>×</i>;
    `;
    const found = untranslated([['a.tsx', source]]);
    expect(found.map(line => line.split(': ')[1])).toEqual([
      'On',
      'Words',
      'shown',
      'no',
      'way',
      'Press',
      'Press it',
      'Item'
    ]);
  });
});

/** Abbreviations and names that are the same in Russian. */
const NAMES = ['DoRA', 'Dropout', 'Mixture of Depths', 'Top p', 'Top k'];

const CYRILLIC = /\p{Script=Cyrillic}/u;

/** The translator of JupyterLab, fed as by its server. */
async function bundle(language: string): Promise<
  TranslationBundle & {
    strfmt: (text: string, ...args: unknown[]) => string;
  }
> {
  const data = { [TRANSLATION_DOMAIN]: translations(language) };
  const connector = { fetch: async () => ({ data, message: '' }) };
  const manager = new TranslationManager(
    '',
    undefined,
    undefined,
    connector as any
  );
  await manager.fetch(language);
  const trans = manager.load(TRANSLATION_DOMAIN) as any;
  return Object.assign(trans, { strfmt: trans.constructor.strfmt });
}
