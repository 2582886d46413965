import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';

/**
 * Ask whether to stop a run, unless the settings say not to.
 */
export async function confirmStop(
  run: string,
  settings: ISettingRegistry.ISettings | null,
  trans: TranslationBundle
): Promise<boolean> {
  return confirm(settings, 'confirmStop', trans, {
    title: trans.__('Stop the run %1?', run),
    body: trans.__('It is saved first, and can be continued later.'),
    label: trans.__('Stop')
  });
}

/**
 * Ask whether to move runs to the trash, unless the settings say not to.
 */
export async function confirmDelete(
  runs: readonly string[],
  settings: ISettingRegistry.ISettings | null,
  trans: TranslationBundle
): Promise<boolean> {
  return confirm(settings, 'confirmDelete', trans, {
    title:
      runs.length === 1
        ? trans.__('Delete the run %1?', runs[0])
        : trans.__('Delete %1 runs?', runs.length),
    body: trans._n(
      '%2 moves to the folder .trash of the runs folder.',
      'They move to the folder .trash of the runs folder: %2',
      runs.length,
      someOf(runs, trans)
    ),
    label: trans.__('Delete')
  });
}

/** The first names, and how many more there are. */
export function someOf(
  names: readonly string[],
  trans: TranslationBundle
): string {
  const first = names.slice(0, MOST_NAMES).join(', ');
  const more = names.length - MOST_NAMES;
  return more > 0
    ? trans._n('%2 and %1 more', '%2 and %1 more', more, first)
    : first;
}

const MOST_NAMES = 10;

async function confirm(
  settings: ISettingRegistry.ISettings | null,
  setting: 'confirmStop' | 'confirmDelete',
  trans: TranslationBundle,
  question: { title: string; body: string; label: string }
): Promise<boolean> {
  if (settings?.get(setting).composite === false) {
    return true;
  }
  const { button } = await showDialog({
    title: question.title,
    body: question.body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: question.label })
    ]
  });
  return button.accept;
}
