import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { Widget } from '@lumino/widgets';

import type { IFault, IRunEdit, IRunSummary } from '../../kernel/protocol';

/**
 * Ask for a new name, tags or a note until the kernel takes it or the user gives up; what was typed stays.
 */
export async function askEdit(
  run: IRunSummary,
  what: 'name' | 'tags' | 'note',
  edit: (edit: IRunEdit) => Promise<void>,
  trans: TranslationBundle
): Promise<void> {
  const { title, label, text } = wording(run, what, trans);
  let typed = text;
  let fault: IFault | null = null;
  for (;;) {
    const body = new EditBody({ label, text: typed, fault, lines: what });
    const { button, value } = await showDialog({
      title,
      body,
      focusNodeSelector: '.jp-llmtune-edit-value',
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Save') })
      ]
    });
    if (!button.accept || value === null) {
      return;
    }
    typed = value;
    try {
      await edit({ run: run.name, ...change(what, typed) });
      return;
    } catch (error) {
      fault = error as IFault;
    }
  }
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

/**
 * One labelled field, and what was wrong with what stands in it.
 */
class EditBody extends Widget implements Dialog.IBodyWidget<string> {
  constructor(options: {
    label: string;
    text: string;
    fault: IFault | null;
    lines: 'name' | 'tags' | 'note';
  }) {
    super();
    this.addClass('jp-llmtune-edit');
    const label = document.createElement('label');
    label.textContent = options.label;
    this._field =
      options.lines === 'note'
        ? document.createElement('textarea')
        : document.createElement('input');
    this._field.className = 'jp-llmtune-edit-value jp-mod-styled';
    this._field.value = options.text;
    label.append(this._field);
    this.node.append(label);
    if (options.fault) {
      const { what, where, fix } = options.fault;
      const message = document.createElement('div');
      message.className = 'jp-llmtune-fault';
      message.setAttribute('role', 'alert');
      message.textContent = [what, where, fix].filter(Boolean).join(' ');
      this._field.setAttribute('aria-invalid', 'true');
      this.node.append(message);
    }
  }

  getValue(): string {
    return this._field.value;
  }

  private readonly _field: HTMLInputElement | HTMLTextAreaElement;
}
