import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { Widget } from '@lumino/widgets';

import type { IFault } from '../kernel/protocol';

/**
 * Ask for a text until it is taken or the user gives up; what was typed stays, and what is wrong with it stands below it.
 *
 * @param take - rejects with an `IFault` where the text will not do.
 */
export async function askText(
  { title, label, text, isLong }: askText.IOptions,
  take: (text: string) => Promise<void>,
  trans: TranslationBundle
): Promise<void> {
  let typed = text;
  let fault: IFault | null = null;
  for (;;) {
    const body = new TextBody({ label, text: typed, fault, isLong });
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
      await take(typed);
      return;
    } catch (error) {
      fault = error as IFault;
    }
  }
}

/**
 * Ask whether to do what cannot be taken back.
 *
 * @param label - of the button that does it.
 */
export async function confirm(
  title: string,
  label: string,
  trans: TranslationBundle
): Promise<boolean> {
  const { button } = await showDialog({
    title,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label })
    ]
  });
  return button.accept;
}

/**
 * One labelled field, and what was wrong with what stands in it.
 */
class TextBody extends Widget implements Dialog.IBodyWidget<string> {
  constructor(options: {
    label: string;
    text: string;
    fault: IFault | null;
    isLong?: boolean;
  }) {
    super();
    this.addClass('jp-llmtune-edit');
    const label = document.createElement('label');
    label.textContent = options.label;
    this._field = options.isLong
      ? document.createElement('textarea')
      : document.createElement('input');
    this._field.className = 'jp-llmtune-edit-value jp-mod-styled';
    this._field.value = options.text;
    if (!options.isLong) {
      // What is typed takes the place of what stands there.
      this._field.addEventListener('focus', () => this._field.select(), {
        once: true
      });
    }
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

export namespace askText {
  export interface IOptions {
    title: string;
    /** Of the field. */
    label: string;
    /** What stands in it at first. */
    text: string;
    /** Whether it takes several lines. */
    isLong?: boolean;
  }
}
