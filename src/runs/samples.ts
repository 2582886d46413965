import type { ISample } from '../kernel/protocol';

type Turn = ISample['answers'][number]['prompt'][number];

/**
 * A prompt as one text: alone when it is only the user's words, else with the roles.
 */
export function promptText(prompt: readonly Turn[]): string {
  const spoken = prompt.filter(({ role }) => role !== 'system');
  return spoken.length === 1
    ? spoken[0].content
    : spoken.map(({ role, content }) => `${role}: ${content}`).join('\n');
}

/**
 * What runs answered to a prompt last; null where one was not asked.
 */
export interface IComparedSample {
  prompt: string;
  answers: ({ step: number; answer: string } | null)[];
}

/**
 * The last answer of each run to each prompt.
 *
 * @param samples - of each run, oldest first.
 */
export function sideBySide(samples: (readonly ISample[])[]): IComparedSample[] {
  const rows = new Map<string, IComparedSample>();
  samples.forEach((ofRun, run) => {
    for (const { step, answers } of ofRun) {
      for (const { prompt, answer } of answers) {
        const text = promptText(prompt);
        const row = rows.get(text) ?? {
          prompt: text,
          answers: samples.map(() => null)
        };
        row.answers[run] = { step, answer };
        rows.set(text, row);
      }
    }
  });
  return [...rows.values()];
}
