/**
 * Keep keys without Ctrl, Alt or Cmd from the shortcuts of JupyterLab: arrow keys and letters belong to a view here.
 */
export function keepPlainKeys(
  event: Pick<
    KeyboardEvent,
    'altKey' | 'ctrlKey' | 'metaKey' | 'stopPropagation'
  >
): void {
  if (!event.altKey && !event.ctrlKey && !event.metaKey) {
    event.stopPropagation();
  }
}
