import type { TranslationBundle } from '@jupyterlab/translation';

import type { IRunEdit, IRunSummary } from '../../kernel/protocol';
import { askText } from '../asking';

/**
 * Ask for a new name, tags or a note until the kernel takes it or the user gives up; what was typed stays.
 */
export function askEdit(
  run: IRunSummary,
  what: 'name' | 'tags' | 'note',
  edit: (edit: IRunEdit) => Promise<void>,
  trans: TranslationBundle
): Promise<void> {
  return askText(
    { ...wording(run, what, trans), isLong: what === 'note' },
    text => edit({ run: run.name, ...change(what, text) }),
    trans
  );
}

/** Tags as they were typed, between commas. */
export function tagsOf(text: string): string[] {
  return text
    .split(',')
    .map(tag => tag.trim())
    .filter(Boolean);
}

function change(
  what: 'name' | 'tags' | 'note',
  text: string
): Omit<IRunEdit, 'run'> {
  switch (what) {
    case 'name':
      return { name: text.trim() };
    case 'tags':
      return { tags: tagsOf(text) };
    case 'note':
      return { note: text };
  }
}

function wording(
  run: IRunSummary,
  what: 'name' | 'tags' | 'note',
  trans: TranslationBundle
): { title: string; label: string; text: string } {
  switch (what) {
    case 'name':
      return {
        title: trans.__('Rename the run %1', run.name),
        label: trans.__('New name'),
        text: run.name
      };
    case 'tags':
      return {
        title: trans.__('Tags of %1', run.name),
        label: trans.__('Tags, with commas between them'),
        text: run.tags.join(', ')
      };
    case 'note':
      return {
        title: trans.__('Note on %1', run.name),
        label: trans.__('Note'),
        text: run.note
      };
  }
}
