import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ISidebarContext } from '../context';
import { takeFile, takePath } from './drop';
import type { ConfigureModel } from './model';

/** Whether a file can hold a configuration: YAML, or JSON. */
export function isConfigurationFile(path: string): boolean {
  return isYamlFile(path) || /\.json$/i.test(path);
}

export function isYamlFile(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

/**
 * Take configurations that are dragged over an element, in the place of what the form shows.
 *
 * @returns ends it.
 */
export function takeConfigurations(
  element: HTMLElement,
  model: ConfigureModel,
  context: Pick<ISidebarContext, 'app' | 'trans'>
): () => void {
  const { trans } = context;
  const { contents } = context.app.serviceManager;
  const read = async (path: string) => {
    const options = { type: 'file', format: 'text', content: true } as const;
    return String((await contents.get(path, options)).content);
  };
  const ends = [
    takePath(
      element,
      isConfigurationFile,
      path => void take(model, path, read(path), trans)
    ),
    takeFile(
      element,
      isConfigurationFile,
      file => void importFile(model, file, trans)
    )
  ];
  return () => ends.forEach(end => end());
}

/** Take a file of the user's machine in the place of what the form shows. */
export async function importFile(
  model: ConfigureModel,
  file: File,
  trans: TranslationBundle
): Promise<void> {
  const read = async () => {
    const bytes = await file.arrayBuffer();
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw new Error(trans.__('It is no text in UTF-8.'));
    }
  };
  await take(model, file.name, read(), trans);
}

/** What holds nothing does not take the place of what is there. */
async function take(
  model: ConfigureModel,
  name: string,
  read: Promise<string>,
  trans: TranslationBundle
): Promise<void> {
  try {
    const text = await read;
    if (!text.trim()) {
      throw new Error(trans.__('It is empty.'));
    }
    model.edited.replace(text);
  } catch (error) {
    const { message } = error as Error;
    const what = trans.__('%1 cannot be read.', name);
    Notification.error(`${what} ${message}`, { autoClose: 8000 });
  }
}
