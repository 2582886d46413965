/**
 * What a chart takes from the theme: CSS colours and a font family.
 */
export interface IChartTheme {
  train: string;
  eval: string;
  learningRate: string;
  gradNorm: string;
  /** Around the curve of training, faint. */
  spread: string;
  /** Of measures that are drawn together. */
  measures: string[];
  text: string;
  muted: string;
  grid: string;
  background: string;
  font: string;
  fontSize: number;
}

/**
 * Read the theme as it is computed for a node, which must be in the document.
 */
export function readTheme(node: HTMLElement): IChartTheme {
  const style = getComputedStyle(node);
  const color = (name: string) =>
    style.getPropertyValue(name).trim() || '#808080';
  return {
    train: color('--jp-llmtune-train-color'),
    eval: color('--jp-llmtune-eval-color'),
    learningRate: color('--jp-llmtune-learning-rate-color'),
    gradNorm: color('--jp-llmtune-grad-norm-color'),
    spread: faint(color('--jp-llmtune-train-color')),
    measures: [0, 1, 2].map(index => color(`--jp-llmtune-run-${index}-color`)),
    text: color('--jp-ui-font-color1'),
    muted: color('--jp-ui-font-color2'),
    // Not a border: those are as bright as text where contrast is high.
    grid: color('--jp-layout-color2'),
    background: color('--jp-layout-color1'),
    font: style.fontFamily,
    fontSize: parseFloat(style.fontSize) * 0.9 || 12
  };
}

/** A colour of which little is seen, in a form that plotly knows. */
function faint(color: string): string {
  const context = document.createElement('canvas').getContext('2d')!;
  context.fillStyle = color;
  // Read again it is #rrggbb.
  return `${context.fillStyle}26`;
}

/**
 * Call back whenever JupyterLab has changed its theme, once the page is shown in it.
 *
 * @returns an observer to disconnect.
 */
export function observeTheme(changed: () => void): MutationObserver {
  // With each change JupyterLab hides the whole page until the next frame, and what is hidden has no size to draw in.
  const observer = new MutationObserver(() => requestAnimationFrame(changed));
  observer.observe(document.body, {
    attributes: true,
    attributeFilter: ['data-jp-theme-name', 'data-jp-theme-light']
  });
  return observer;
}
