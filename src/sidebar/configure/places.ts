import { PageConfig, PathExt } from '@jupyterlab/coreutils';
import { FileDialog } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';

import type { ISidebarContext } from '../context';
import type { ConfigureModel } from './model';

/** What knows the notebook and the files of JupyterLab. */
export interface IPlace {
  context: ISidebarContext;
  model: ConfigureModel;
}

/**
 * Let the user choose in JupyterLab's dialog.
 *
 * @returns what is chosen as the kernel sees it; null if nothing is.
 */
export async function choosePath(
  place: IPlace,
  options: {
    title: string;
    isFile: (path: string) => boolean;
    takesFolders: boolean;
  }
): Promise<string | null> {
  const { fileBrowser, translator } = place.context;
  if (!fileBrowser) {
    return null;
  }
  const { value } = await FileDialog.getOpenFiles({
    manager: fileBrowser.model.manager,
    title: options.title,
    defaultPath: await kernelFolder(place),
    translator,
    filter: ({ type, path }) =>
      type === 'directory' || options.isFile(path) ? {} : null
  });
  const chosen = value?.find(
    ({ type }) => type !== 'directory' || options.takesFolders
  );
  return chosen ? pathFor(place, chosen.path) : null;
}

/** A path of JupyterLab's files as the kernel sees it. */
export async function pathFor(place: IPlace, path: string): Promise<string> {
  const { contents } = place.context.app.serviceManager;
  const folder = await kernelFolder(place);
  return PathExt.relative(contents.localPath(folder), contents.localPath(path));
}

/**
 * The names of the data files in the kernel's folder.
 */
export async function dataFiles(place: IPlace): Promise<string[]> {
  const { contents } = place.context.app.serviceManager;
  try {
    const { content } = await contents.get(await kernelFolder(place), {
      content: true
    });
    return (content as Contents.IModel[])
      .filter(({ type, name }) => type !== 'directory' && isDataFile(name))
      .map(({ name }) => name)
      .sort((one, other) => one.localeCompare(other));
  } catch {
    // The dialog, which the user can open, says what is wrong with the folder.
    return [];
  }
}

export function isDataFile(path: string): boolean {
  return DATA_FILE.test(path);
}

/**
 * Where the kernel's relative paths begin: where the notebook was when its kernel started, or went since. That of the
 * notebook where the kernel is on another machine or does not answer.
 */
async function kernelFolder({ context, model }: IPlace): Promise<string> {
  const { contents } = context.app.serviceManager;
  const notebook = model.edited.panel?.context.path ?? '';
  const drive = contents.driveName(notebook);
  const folder = await model.facts.folder(PageConfig.getOption('serverRoot'));
  if (folder === null) {
    return PathExt.dirname(notebook);
  }
  return drive ? `${drive}:${folder}` : folder;
}

const DATA_FILE = /\.(json|jsonl|csv|txt|parquet|arrow)(\.(gz|zst|bz2))?$/i;
