import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';
import { ServerConnection } from '@jupyterlab/services';

/**
 * Put a copy of the quickstart notebook into a folder, unless one is there.
 *
 * @returns its path.
 */
export async function copyQuickstart(
  contents: Contents.IManager,
  folder: string
): Promise<string> {
  const path = PathExt.join(folder, 'quickstart.ipynb');
  if (!(await exists(contents, path))) {
    const { default: content } =
      await import('../../notebooks/quickstart.ipynb');
    await contents.save(path, { type: 'notebook', format: 'json', content });
  }
  return path;
}

async function exists(
  contents: Contents.IManager,
  path: string
): Promise<boolean> {
  try {
    await contents.get(path, { content: false });
    return true;
  } catch (error) {
    if (
      error instanceof ServerConnection.ResponseError &&
      error.response.status === 404
    ) {
      return false;
    }
    throw error;
  }
}
