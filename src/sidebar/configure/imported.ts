import { Notification } from '@jupyterlab/apputils';

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
  const { contents } = context.app.serviceManager;
  const take = async (name: string, text: Promise<string>) => {
    try {
      model.edited.replace(await text);
    } catch (error) {
      const { message } = error as Error;
      const what = context.trans.__('%1 cannot be read.', name);
      Notification.error(`${what} ${message}`);
    }
  };
  const read = async (path: string) => {
    const options = { type: 'file', format: 'text', content: true } as const;
    return String((await contents.get(path, options)).content);
  };
  const ends = [
    takePath(element, isConfigurationFile, path => void take(path, read(path))),
    takeFile(
      element,
      isConfigurationFile,
      file => void take(file.name, file.text())
    )
  ];
  return () => ends.forEach(end => end());
}
