import { InputDialog, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IFault, IPreset } from '../../kernel/protocol';
import { askText, confirm } from '../asking';
import type { ConfigureModel } from './model';

/**
 * A preset, or a configuration that the user saved.
 */
export interface INamed {
  /** As the user knows it. */
  name: string;
  description: string;
  isSaved: boolean;
  /** Whether it can be brought into what the form shows. */
  isApplicable: boolean;
  apply: () => void;
}

/** The presets first. */
export function namedConfigurations(model: ConfigureModel): INamed[] {
  const { edited, facts, saved } = model;
  return [
    ...facts.presets.map(({ title, description, values }) => ({
      name: title,
      description,
      isSaved: false,
      isApplicable: edited.isEditable,
      apply: () => model.apply(values)
    })),
    ...Object.entries(saved.all).map(([name, text]) => ({
      name,
      description: `${name}\n\n${text}`,
      isSaved: true,
      isApplicable: edited.canReplace,
      apply: () => edited.replace(text)
    }))
  ];
}

/** Let the user choose one, and bring it into what the form shows. */
export async function chooseNamed(
  model: ConfigureModel,
  trans: TranslationBundle
): Promise<void> {
  const named = namedConfigurations(model).filter(one => one.isApplicable);
  const { value } = await InputDialog.getItem({
    title: trans.__('Apply a preset'),
    label: trans.__('Preset or saved configuration'),
    items: named.map(({ name }) => name),
    okLabel: trans.__('Apply'),
    cancelLabel: trans.__('Cancel')
  });
  named.find(({ name }) => name === value)?.apply();
}

/** Ask for a name, and save the configuration under it. */
export function saveNamed(
  { edited, facts, saved }: ConfigureModel,
  trans: TranslationBundle
): Promise<void> {
  const options = {
    title: trans.__('Save the configuration as'),
    label: trans.__('Name'),
    text: ''
  };
  return askText(
    options,
    async typed => {
      const name = typed.trim();
      const fault = faultOfName(name, facts.presets, trans);
      if (fault) {
        throw fault;
      }
      const question = trans.__('Replace the saved configuration %1?', name);
      if (
        !(name in saved.all) ||
        (await confirm(question, trans.__('Replace'), trans))
      ) {
        edited.flush();
        await saved.save(name, edited.text);
        Notification.success(
          trans.__('%1 is saved; it stands under Presets.', name),
          { autoClose: 5000 }
        );
      }
    },
    trans
  );
}

/** Why a configuration cannot be saved under a name; null if it can. */
export function faultOfName(
  name: string,
  presets: readonly IPreset[],
  trans: TranslationBundle
): IFault | null {
  if (!name) {
    return { what: trans.__('Type a name.'), where: '', fix: '' };
  }
  const isTaken = presets.some(preset =>
    [preset.name, preset.title].some(
      taken => taken.toLowerCase() === name.toLowerCase()
    )
  );
  return isTaken
    ? {
        what: trans.__('%1 is a preset already.', name),
        where: '',
        fix: trans.__('Choose another name.')
      }
    : null;
}
