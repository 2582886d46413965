/**
 * The texts of the front end and their translations.
 *
 *   node scripts/messages.js        prints, for each language, what is missing, stale or wrong
 *
 * The texts are those of `trans.__()`, `_n()`, `_p()` and `_np()` in src, and those of the kernel and of
 * the settings that are shown translated.
 */
const fs = require('fs');
const path = require('path');

const ts = require('typescript');

const ROOT = path.dirname(__dirname);
const SOURCES = path.join(ROOT, 'src');
const LOCALES = path.join(ROOT, 'llmtune_kernel', 'locale');
const KERNEL = path.join(
  SOURCES,
  'sidebar',
  'configure',
  '__tests__',
  'kernel.json'
);
const SETTINGS = path.join(ROOT, 'schema', 'settings', 'plugin.json');
const DOMAIN = 'jupyterlab_llmtune';
const LANGUAGES = ['ja_JP', 'ko_KR', 'ru_RU', 'zh_CN'];

/** Where the text of a call stands among its arguments. */
const CALLS = {
  __: { text: 0 },
  _n: { text: 0, plural: 1 },
  _p: { context: 0, text: 1 },
  _np: { context: 0, text: 1, plural: 2 }
};

/** Attributes and properties that a user sees or hears. */
const VISIBLE = [
  'alt',
  'aria-description',
  'aria-label',
  'aria-roledescription',
  'aria-valuetext',
  'ariaLabel',
  'caption',
  'innerText',
  'label',
  'placeholder',
  'textContent',
  'title'
];

/**
 * All texts, by the key of their translation, each with its plural or null.
 */
function messages() {
  const found = new Map(
    [...kernelTexts(), ...settingsTexts()].map(text => [text, null])
  );
  for (const file of sourceTexts().map(parsed)) {
    visit(file, node => {
      const call = ts.isCallExpression(node) ? callOf(node) : null;
      if (!call) {
        return;
      }
      const [context, text, plural] = [
        call.context,
        call.text,
        call.plural
      ].map(at => (at === undefined ? null : literal(node.arguments[at])));
      if (text === null) {
        throw new Error(`${placeOf(node)}: the text is not a literal.`);
      }
      found.set(context === null ? text : `${context}\u0004${text}`, plural);
    });
  }
  return found;
}

/**
 * What a kernel says and the sidebar shows translated, without what it does not show.
 */
function kernelTexts() {
  const { schema, presets } = JSON.parse(fs.readFileSync(KERNEL, 'utf8'));
  return [
    ...textsOfSchema(schema),
    ...presets.flatMap(({ title, description }) => [title, description])
  ].filter(Boolean);
}

/** What the settings editor shows. */
function settingsTexts() {
  const schema = JSON.parse(fs.readFileSync(SETTINGS, 'utf8'));
  return [
    schema.title,
    schema.description,
    ...textsOfSchema(schema).filter(Boolean)
  ];
}

function textsOfSchema(schema) {
  return Object.values(schema.properties ?? {}).flatMap(node => {
    const parts = [node, ...(node.oneOf ?? [])];
    const isField = parts.every(part => !part.properties);
    return [
      // What a library calls its own settings stays as it is.
      node.quoted ? '' : node.title,
      ...(isField ? [node.description, node.unit] : []),
      ...parts.flatMap(textsOfSchema),
      ...innerSchemas(node).flatMap(textsOfSchema)
    ];
  });
}

/** What a value of several kinds may be, and the items of a list. */
function innerSchemas({ anyOf = [], items }) {
  const inner = [...anyOf, ...(items ? [items] : [])];
  return inner.flatMap(part => [part, ...innerSchemas(part)]);
}

/**
 * The visible texts of sources that no translator sees, each with its place.
 *
 * The sources are pairs of a name and a text; by default those of src.
 */
function untranslated(sources = sourceTexts()) {
  const found = [];
  const check = node => {
    for (const text of literalsIn(node)) {
      if (/\p{L}{2}/u.test(text.text)) {
        found.push(`${placeOf(text)}: ${text.text.trim()}`);
      }
    }
  };
  for (const file of sources.map(parsed)) {
    visit(file, node => {
      if (ts.isJsxText(node)) {
        check(node);
      } else if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent)) {
        check(node);
      } else if (ts.isJsxAttribute(node) && isVisible(node.name)) {
        check(node.initializer);
      } else if (ts.isPropertyAssignment(node) && isVisible(node.name)) {
        check(node.initializer);
      } else if (isAssignment(node) && isVisible(node.left.name)) {
        check(node.right);
      } else if (isSetAttribute(node)) {
        check(node.arguments[1]);
      }
    });
  }
  return found;
}

/** The literals that an expression can become; what is called or compared is none. */
function literalsIn(node) {
  if (!node) {
    return [];
  }
  if (ts.isStringLiteralLike(node) || ts.isJsxText(node)) {
    return [node];
  }
  if (ts.isTemplateExpression(node)) {
    return [node.head, ...node.templateSpans.map(span => span.literal)];
  }
  if (ts.isConditionalExpression(node)) {
    return [node.whenTrue, node.whenFalse].flatMap(literalsIn);
  }
  if (ts.isJsxExpression(node) || ts.isParenthesizedExpression(node)) {
    return literalsIn(node.expression);
  }
  if (ts.isBinaryExpression(node)) {
    const { kind } = node.operatorToken;
    return kind === ts.SyntaxKind.AmpersandAmpersandToken
      ? literalsIn(node.right)
      : JOINING.includes(kind)
        ? [node.left, node.right].flatMap(literalsIn)
        : [];
  }
  return [];
}

const JOINING = [
  ts.SyntaxKind.PlusToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken
];

/**
 * What is wrong with the translations into a language.
 */
function faults(language) {
  const { '': header, ...table } = translations(language);
  const wanted = messages();
  const forms = Number(/nplurals=(\d)/.exec(header.plural_forms)[1]);
  const found = Object.keys(table)
    .filter(key => !wanted.has(key))
    .map(key => `stale: ${key}`);
  for (const [key, plural] of wanted) {
    const text = key.split('\u0004').pop();
    const list = table[key] ?? [];
    const said = list.filter(Boolean);
    if (said.length !== (plural === null ? 1 : forms)) {
      found.push(`missing: ${key}`);
    } else if (plural !== null && list.length < 2) {
      // JupyterLab takes a list of one for the translation of a text without a plural.
      found.push(`one form needs an empty one behind it: ${key}`);
    }
    for (const one of said) {
      if (placeholders(one) !== placeholders(text)) {
        found.push(`placeholders: ${key} -> ${one}`);
      }
    }
  }
  return found;
}

function placeholders(text) {
  return (text.match(/%(\d+|%)/g) ?? []).sort().join();
}

function translations(language) {
  return JSON.parse(fs.readFileSync(fileOf(language), 'utf8'));
}

function fileOf(language) {
  return path.join(LOCALES, language, 'LC_MESSAGES', `${DOMAIN}.json`);
}

function sourceTexts(folder = SOURCES) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      return entry.name === '__tests__' ? [] : sourceTexts(name);
    }
    return /\.tsx?$/.test(name) ? [[name, fs.readFileSync(name, 'utf8')]] : [];
  });
}

function parsed([name, text]) {
  return ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
}

function visit(node, look) {
  look(node);
  ts.forEachChild(node, child => visit(child, look));
}

function callOf({ expression }) {
  return ts.isPropertyAccessExpression(expression) &&
    Object.keys(CALLS).includes(expression.name.text)
    ? CALLS[expression.name.text]
    : null;
}

function literal(node) {
  return node && ts.isStringLiteralLike(node) ? node.text : null;
}

function isVisible(name) {
  return name !== undefined && VISIBLE.includes(name.text ?? name.getText());
}

function isAssignment(node) {
  return (
    ts.isBinaryExpression(node) &&
    node.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
    ts.isPropertyAccessExpression(node.left)
  );
}

function isSetAttribute(node) {
  return (
    ts.isCallExpression(node) &&
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.name.text === 'setAttribute' &&
    VISIBLE.includes(literal(node.arguments[0]))
  );
}

function placeOf(node) {
  const file = node.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(node.getStart());
  return `${path.relative(ROOT, file.fileName)}:${line + 1}`;
}

module.exports = { LANGUAGES, faults, messages, translations, untranslated };

if (require.main === module) {
  const lines = LANGUAGES.flatMap(language =>
    faults(language).map(fault => `${language} ${fault}`)
  );
  process.stdout.write(lines.map(line => `${line}\n`).join(''));
  process.exitCode = lines.length ? 1 : 0;
}
