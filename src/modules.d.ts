declare module '*.svg' {
  const svg: string;
  export default svg;
}

declare module '*.ipynb' {
  import type { INotebookContent } from '@jupyterlab/nbformat';
  const notebook: INotebookContent;
  export default notebook;
}

declare module '*/package.json' {
  export const version: string;
}
