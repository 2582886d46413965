import { ReactWidget } from '@jupyterlab/apputils';
import { UseSignal } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useEffect, useRef, useState } from 'react';

import { insertCodeCell } from '../../cell/actions';
import { FaultMessage } from '../fault';
import type { ISidebarContext } from '../context';
import { whileShown } from '../shown';
import type { IColumn, ISamplingSettings, ISource } from './model';
import { MOST_COLUMNS, PlaygroundModel, asCell } from './model';

/**
 * Chat with base models and runs, side by side.
 */
export class PlaygroundSection extends ReactWidget {
  constructor(context: ISidebarContext) {
    super();
    this._context = context;
    this._model = new PlaygroundModel(context.trans);
    this.id = 'jp-llmtune-playground';
    this.title.label = context.trans.__('Playground');
    this.addClass('jp-llmtune-playground');
    whileShown(this, context, isShown => {
      if (isShown) {
        this._model.client = context.clients.current;
        this._model.watch();
      } else {
        this._model.unwatch();
      }
    });
  }

  dispose(): void {
    this._model.dispose();
    super.dispose();
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this._model.changed}>
        {() => <Playground model={this._model} context={this._context} />}
      </UseSignal>
    );
  }

  private readonly _context: ISidebarContext;
  private readonly _model: PlaygroundModel;
}

function Playground(props: {
  model: PlaygroundModel;
  context: ISidebarContext;
}): JSX.Element {
  const { model, context } = props;
  const { trans } = context;
  const [text, setText] = useState('');
  const send = () => {
    if (!model.isAnswering && text.trim()) {
      void model.send(text.trim());
      setText('');
    }
  };
  const hasTurns = model.columns.some(column => column.turns.length > 0);
  const copy = () => {
    const panel = context.notebooks.currentWidget;
    if (panel) {
      void insertCodeCell(panel, asCell(model.columns, model.settings), {
        run: false
      });
    }
  };
  return (
    <div className="jp-llmtune-playground-body">
      <Columns model={model} trans={trans} />
      {model.fault && <FaultMessage fault={model.fault} />}
      <textarea
        className="jp-mod-styled"
        rows={2}
        value={text}
        aria-label={trans.__('Message')}
        placeholder={trans.__('Ask something')}
        onChange={event => setText(event.target.value)}
        onKeyDown={event => {
          if (
            event.key === 'Enter' &&
            !event.shiftKey &&
            !event.nativeEvent.isComposing
          ) {
            event.preventDefault();
            send();
          }
        }}
      />
      <div className="jp-llmtune-buttons">
        {model.isAnswering ? (
          <Button label={trans.__('Stop')} onClick={() => model.stop()} />
        ) : (
          <Button
            label={trans.__('Send')}
            isMain
            isDisabled={!text.trim()}
            onClick={send}
          />
        )}
        <Button
          label={trans.__('New chat')}
          isDisabled={!hasTurns}
          onClick={() => model.clear()}
        />
        <Button
          label={trans.__('Copy as a cell')}
          isDisabled={!hasTurns || !context.notebooks.currentWidget}
          onClick={copy}
        />
      </div>
      <Settings model={model} trans={trans} />
    </div>
  );
}

function Columns(props: {
  model: PlaygroundModel;
  trans: TranslationBundle;
}): JSX.Element {
  const { model, trans } = props;
  const choices = model.choices;
  const add = (value: string) => {
    const source = choices.find(choice => keyOf(choice) === value);
    if (source) {
      model.addColumn(source);
    }
  };
  return (
    <>
      <div className="jp-llmtune-columns">
        {model.columns.map(column => (
          <Column
            key={column.id}
            column={column}
            trans={trans}
            onRemove={() => model.removeColumn(column.id)}
          />
        ))}
      </div>
      {model.columns.length < MOST_COLUMNS && (
        <select
          className="jp-mod-styled"
          aria-label={trans.__('Add a model')}
          value=""
          onChange={event => add(event.target.value)}
        >
          <option value="">
            {model.columns.length === 0
              ? trans.__('Choose a model…')
              : trans.__('Compare with…')}
          </option>
          {choices.map(choice => (
            <option key={keyOf(choice)} value={keyOf(choice)}>
              {nameOf(choice, trans)}
            </option>
          ))}
        </select>
      )}
    </>
  );
}

function Column(props: {
  column: IColumn;
  trans: TranslationBundle;
  onRemove: () => void;
}): JSX.Element {
  const { column, trans } = props;
  const name = nameOf(column.source, trans);
  const end = useRef<HTMLDivElement>(null);
  const last = column.turns[column.turns.length - 1]?.content;
  useEffect(() => {
    end.current?.scrollIntoView?.({ block: 'nearest' });
  }, [last]);
  return (
    <section className="jp-llmtune-column" aria-label={name}>
      <header>
        <span title={name}>{name}</span>
        <button
          type="button"
          className="jp-llmtune-remove"
          aria-label={trans.__('Remove %1', name)}
          title={trans.__('Remove')}
          onClick={props.onRemove}
        >
          ×
        </button>
      </header>
      <div className="jp-llmtune-turns" role="log" tabIndex={0}>
        {column.turns.map((turn, index) => (
          <p key={index} className={`jp-llmtune-turn jp-mod-${turn.role}`}>
            {turn.content || (turn.isPartial ? '…' : '')}
          </p>
        ))}
        <div ref={end} />
      </div>
    </section>
  );
}

function Settings(props: {
  model: PlaygroundModel;
  trans: TranslationBundle;
}): JSX.Element {
  const { model, trans } = props;
  const { settings } = model;
  const change = (part: Partial<ISamplingSettings>) => {
    model.settings = { ...settings, ...part };
  };
  const number = (
    key: Exclude<keyof ISamplingSettings, 'system'>,
    label: string,
    bounds: { min: number; max?: number; step: number }
  ) => (
    <label>
      <span>{label}</span>
      <input
        className="jp-mod-styled"
        type="number"
        {...bounds}
        value={settings[key]}
        onChange={event => {
          const value = event.target.valueAsNumber;
          if (Number.isFinite(value)) {
            change({ [key]: value });
          }
        }}
      />
    </label>
  );
  return (
    <details>
      <summary>{trans.__('Sampling')}</summary>
      <div className="jp-llmtune-sampling">
        {number('temperature', trans.__('Temperature'), {
          min: 0,
          max: 2,
          step: 0.1
        })}
        {number('max_new_tokens', trans.__('Answer length (tokens)'), {
          min: 1,
          step: 1
        })}
        {settings.temperature > 0 && (
          <>
            {number('top_p', trans.__('Top p'), {
              min: 0.01,
              max: 1,
              step: 0.01
            })}
            {number('top_k', trans.__('Top k'), { min: 0, step: 1 })}
          </>
        )}
        {number('repetition_penalty', trans.__('Repetition penalty'), {
          min: 0.1,
          step: 0.05
        })}
        <label>
          <span>{trans.__('System prompt')}</span>
          <textarea
            className="jp-mod-styled"
            rows={2}
            value={settings.system}
            onChange={event => change({ system: event.target.value })}
          />
        </label>
      </div>
    </details>
  );
}

function Button(props: {
  label: string;
  onClick: () => void;
  isMain?: boolean;
  isDisabled?: boolean;
}): JSX.Element {
  return (
    <button
      type="button"
      className={`jp-Button jp-mod-styled ${props.isMain ? 'jp-mod-accept' : ''}`}
      disabled={props.isDisabled}
      onClick={props.onClick}
    >
      {props.label}
    </button>
  );
}

function keyOf(source: ISource): string {
  return `${source.kind}:${source.name}`;
}

function nameOf(source: ISource, trans: TranslationBundle): string {
  return source.kind === 'run'
    ? source.name
    : trans.__('%1 (base)', source.name);
}
