import type { TranslationBundle } from '@jupyterlab/translation';

import { keepPlainKeys } from '../keys';
import { fixed } from '../numbers';
import type { ChartChoice, IChartSettings } from './figure';

/**
 * The row above a chart: title, log scale, smoothing, reset of the zoom.
 */
export class ChartControls {
  constructor(options: ChartControls.IOptions) {
    const { trans, onChange, onResetZoom } = options;
    this._title.className = 'jp-llmtune-chart-title';
    this._logScale.type = 'checkbox';
    this._logScale.addEventListener('change', () => {
      onChange({ logScale: this._logScale.checked });
    });
    Object.assign(this._smoothing, {
      type: 'range',
      min: '0',
      max: '0.99',
      step: '0.01'
    });
    this._smoothing.addEventListener('input', () => {
      onChange({ smoothing: this._smoothing.valueAsNumber });
    });
    const reset = document.createElement('button');
    reset.type = 'button';
    reset.textContent = trans.__('Reset zoom');
    reset.addEventListener('click', onResetZoom);

    this.node.className = 'jp-llmtune-chart-toolbar';
    // Arrow keys belong to the slider here, not to the notebook.
    this.node.addEventListener('keydown', keepPlainKeys);
    this.node.append(
      this._title,
      label(this._logScale, trans.__('Log scale')),
      label(this._smoothing, trans.__('Smoothing'), this._value),
      reset
    );
  }

  readonly node = document.createElement('div');

  update(settings: Omit<IChartSettings, 'height'>): void {
    this._title.textContent = settings.title;
    this._logScale.checked = settings.logScale;
    this._smoothing.value = String(settings.smoothing);
    this._value.textContent = fixed(settings.smoothing, 2);
  }

  private readonly _title = document.createElement('span');
  private readonly _logScale = document.createElement('input');
  private readonly _smoothing = document.createElement('input');
  private readonly _value = document.createElement('output');
}

export namespace ChartControls {
  export interface IOptions {
    trans: TranslationBundle;
    onChange: (change: Partial<ChartChoice>) => void;
    onResetZoom: () => void;
  }
}

function label(
  input: HTMLInputElement,
  text: string,
  value?: HTMLElement
): HTMLLabelElement {
  const element = document.createElement('label');
  const control = value ? [text, input, value] : [input, text];
  element.append(...control);
  input.setAttribute('aria-label', text);
  return element;
}
