import type { IColumn } from './conversation';
import { asMessages, isRun } from './conversation';
import type { ISamplingSettings } from './settings';
import { DEFAULT_SAMPLING } from './settings';

/**
 * A `%%sample` cell that asks the same: the first questions of the chat, of the same models.
 */
export function asCell(
  columns: readonly IColumn[],
  settings: ISamplingSettings
): string {
  const runs = columns.filter(column => isRun(column.source));
  const models = columns.filter(column => !isRun(column.source));
  const head = [
    '%%sample',
    ...runs.map(column => column.source.name),
    ...models.map(column => `--model ${quoted(column.source.name)}`),
    ...optionsOf(settings)
  ];
  // A column that could not answer has lost its question.
  const [turns = []] = columns
    .map(column => column.turns)
    .sort((one, other) => other.length - one.length);
  const questions = turns.filter(turn => turn.role === 'user');
  const isPlain =
    !settings.system.trim() &&
    questions.length === 1 &&
    !/[\n]/.test(questions[0].content) &&
    !/^[-[]/.test(questions[0].content.trim());
  if (isPlain) {
    return `${head.join(' ')}\n${questions[0].content.trim()}`;
  }
  const upToLast = turns.slice(
    0,
    turns.map(turn => turn.role).lastIndexOf('user') + 1
  );
  const lines = asMessages(settings.system, upToLast).map(
    ({ role, content }) =>
      `- {role: ${role}, content: ${JSON.stringify(content)}}`
  );
  return [head.join(' '), ...lines].join('\n');
}

/** A word of the line of a magic. */
function quoted(name: string): string {
  return /^[\w./:@+-]+$/.test(name) ? name : `'${name.replace(/'/g, "'\\''")}'`;
}

/** The options of `%%sample` that draw answers in the same way; those that change nothing are left out. */
function optionsOf(settings: ISamplingSettings): string[] {
  const { temperature, max_new_tokens, top_p, top_k, repetition_penalty } =
    settings;
  const isDrawn = temperature > 0;
  return [
    `--max-new-tokens ${max_new_tokens}`,
    `--temperature ${temperature}`,
    ...(isDrawn && top_p !== DEFAULT_SAMPLING.top_p
      ? [`--top-p ${top_p}`]
      : []),
    ...(isDrawn && top_k !== DEFAULT_SAMPLING.top_k
      ? [`--top-k ${top_k}`]
      : []),
    ...(repetition_penalty !== DEFAULT_SAMPLING.repetition_penalty
      ? [`--repetition-penalty ${repetition_penalty}`]
      : [])
  ];
}
