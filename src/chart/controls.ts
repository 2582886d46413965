import type { TranslationBundle } from '@jupyterlab/translation';

import { keepPlainKeys } from '../keys';
import { fixed } from '../numbers';
import type { ChartChoice, IChartSettings } from './figure';
import type { IMeasureGroup } from './measures';

type IChoice = Pick<IMeasureGroup, 'id' | 'title'>;

/**
 * The row above a chart: title, what is shown, log scale, smoothing, reset of the zoom.
 */
export class ChartControls {
  constructor(options: ChartControls.IOptions) {
    const { trans, onChange, onResetZoom } = options;
    this._title.className = 'jp-llmtune-chart-title';
    this._show.addEventListener('change', () => {
      onChange({ show: this._show.value });
    });
    this._shown = label(this._show, trans.__('Show'));
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
      this._shown,
      label(this._logScale, trans.__('Log scale')),
      label(this._smoothing, trans.__('Smoothing'), this._value),
      reset
    );
  }

  readonly node = document.createElement('div');

  /**
   * @param choices - what can be shown; nothing is to be chosen from one alone.
   * @param shown - the id of that which is.
   */
  update(
    settings: Omit<IChartSettings, 'height' | 'show'>,
    choices: readonly IChoice[],
    shown: string
  ): void {
    this._title.textContent = settings.title;
    this._offer(choices);
    this._shown.hidden = choices.length < 2;
    this._show.value = shown;
    // Measures may be negative.
    this._logScale.disabled = shown !== 'loss';
    this._logScale.checked = settings.logScale;
    this._smoothing.value = String(settings.smoothing);
    this._value.textContent = fixed(settings.smoothing, 2);
  }

  /** Only where they are others: a list that is open would close. */
  private _offer(choices: readonly IChoice[]): void {
    const offered = JSON.stringify(choices.map(({ id, title }) => [id, title]));
    if (offered !== this._offered) {
      this._offered = offered;
      const options = choices.map(({ id, title }) => new Option(title, id));
      this._show.replaceChildren(...options);
    }
  }

  private readonly _show = document.createElement('select');
  private readonly _shown: HTMLLabelElement;
  private _offered = '';
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
  input: HTMLInputElement | HTMLSelectElement,
  text: string,
  ...after: HTMLElement[]
): HTMLLabelElement {
  const element = document.createElement('label');
  const isBefore = input.type === 'checkbox';
  element.append(...(isBefore ? [input, text] : [text, input]), ...after);
  input.setAttribute('aria-label', text);
  return element;
}
