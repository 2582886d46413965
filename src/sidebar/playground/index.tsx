import { ReactWidget } from '@jupyterlab/apputils';
import { closeIcon, HTMLSelect, UseSignal } from '@jupyterlab/ui-components';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Message } from '@lumino/messaging';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import React, { useEffect, useRef, useState } from 'react';

import { insertCodeCell } from '../../cell/actions';
import { valueOf } from '../configure/fields';
import type { ConfigureModel } from '../configure/model';
import type { Value } from '../configure/typed';
import type { ISidebarContext } from '../context';
import { FaultMessage } from '../fault';
import { PerNotebook } from '../kept';
import { whileShown } from '../shown';
import type { IColumn, ISource } from './conversation';
import { MOST_COLUMNS, PlaygroundModel } from './model';
import { asCell } from './sampleCell';
import { Sampling } from './sampling';

/**
 * Chat with base models and runs, side by side; each notebook has its own.
 */
export class PlaygroundSection extends ReactWidget {
  constructor(context: ISidebarContext, configure: ConfigureModel) {
    super();
    this._context = context;
    this._configure = configure;
    configure.edited.changed.connect(this._onEdited, this);
    this._models = new PerNotebook({
      name: 'playground',
      store: context.state,
      create: panel =>
        new PlaygroundModel(panel && context.clients.of(panel), context.trans)
    });
    this._panel = context.notebooks.currentWidget;
    this._model = this._models.of(this._panel);
    this.id = 'jp-llmtune-playground';
    this.title.label = context.trans.__('Playground');
    this.addClass('jp-llmtune-playground');
    whileShown(this, context, isShown => {
      this._model.unwatch();
      if (isShown) {
        this._panel = context.notebooks.currentWidget;
        this._model = this._models.of(this._panel);
        this._model.watch();
        this.update();
      }
    });
  }

  /** To the box. */
  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    // What was folded until now is drawn for the first time.
    MessageLoop.sendMessage(this, Widget.Msg.UpdateRequest);
    void this.renderPromise?.then(() =>
      this.node.querySelector('textarea')?.focus()
    );
  }

  dispose(): void {
    this._models.dispose();
    super.dispose();
  }

  protected render(): JSX.Element {
    return (
      <UseSignal key={this._panel?.id ?? ''} signal={this._model.changed}>
        {() => (
          <Playground
            model={this._model}
            context={this._context}
            configured={valueOf(this._configure.values, MODEL)}
          />
        )}
      </UseSignal>
    );
  }

  private _onEdited(): void {
    if (this.isVisible) {
      this.update();
    }
  }

  private readonly _context: ISidebarContext;
  private readonly _configure: ConfigureModel;
  private readonly _models: PerNotebook<PlaygroundModel>;
  private _panel: NotebookPanel | null;
  private _model: PlaygroundModel;
}

function Playground(props: {
  model: PlaygroundModel;
  context: ISidebarContext;
  /** The model of the form. */
  configured: Value;
}): JSX.Element {
  const { model, context, configured } = props;
  const { trans } = context;
  const hasTurns = model.columns.some(column => column.turns.length > 0);
  const length = useRef<HTMLInputElement>(null);
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
      <Columns
        model={model}
        trans={trans}
        choices={model.choices(
          typeof configured === 'string' ? configured : undefined
        )}
        onAllowMore={() => length.current && reveal(length.current)}
      />
      <div className="jp-llmtune-ask">
        {model.fault && <FaultMessage fault={model.fault} />}
        <textarea
          className="jp-mod-styled"
          rows={2}
          data-llmtune-home
          value={model.text}
          aria-label={trans.__('Message')}
          placeholder={trans.__('Ask something')}
          onChange={event => {
            model.text = event.target.value;
          }}
          onKeyDown={event => {
            if (
              event.key === 'Enter' &&
              !event.shiftKey &&
              !event.nativeEvent.isComposing
            ) {
              event.preventDefault();
              void model.send();
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
              isDisabled={!model.text.trim()}
              onClick={() => void model.send()}
            />
          )}
          <Button
            label={trans.__('New chat')}
            isDisabled={!hasTurns}
            onClick={() => model.clear()}
          />
          <Button
            label={trans.__('Copy as cell')}
            isDisabled={!hasTurns || !context.notebooks.currentWidget}
            onClick={copy}
          />
        </div>
      </div>
      <Sampling model={model} trans={trans} lengthField={length} />
    </div>
  );
}

/** Go to a field of the folded settings. */
function reveal(field: HTMLInputElement): void {
  field.closest('details')!.open = true;
  field.focus();
  field.select();
}

function Columns(props: {
  model: PlaygroundModel;
  trans: TranslationBundle;
  choices: ISource[];
  onAllowMore: () => void;
}): JSX.Element {
  const { model, trans } = props;
  const used = model.columns.map(({ source }) => keyOf(source));
  const choices = props.choices.filter(choice => !used.includes(keyOf(choice)));
  // With the arrow keys each model on the way is chosen: only Enter or the button adds one.
  const isByKey = useRef(false);
  const [picked, setPicked] = useState('');
  const add = (value: string) => {
    const source = choices.find(choice => keyOf(choice) === value);
    if (source) {
      model.addColumn(source);
    }
    setPicked('');
  };
  return (
    <>
      <div className="jp-llmtune-columns">
        {model.columns.map(column => (
          <Column
            key={column.id}
            column={column}
            trans={trans}
            onAskAgain={() => void model.askAgain(column.id)}
            onAllowMore={props.onAllowMore}
            isBusy={model.isAnswering}
            onRemove={() => model.removeColumn(column.id)}
          />
        ))}
      </div>
      {model.columns.length < MOST_COLUMNS && (
        <HTMLSelect
          defaultStyle={false}
          aria-label={trans.__('Add a model')}
          value={picked}
          onPointerDown={() => {
            isByKey.current = false;
          }}
          onKeyDown={event => {
            isByKey.current = true;
            if (event.key === 'Enter' && picked) {
              event.preventDefault();
              add(picked);
            }
          }}
          onChange={({ target }) =>
            isByKey.current ? setPicked(target.value) : add(target.value)
          }
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
          {model.silent.map(name => (
            <option key={`silent:${name}`} disabled>
              {trans.__('%1 (nothing saved)', name)}
            </option>
          ))}
        </HTMLSelect>
      )}
      {picked && <Button label={trans.__('Add')} onClick={() => add(picked)} />}
    </>
  );
}

function Column(props: {
  column: IColumn;
  trans: TranslationBundle;
  isBusy: boolean;
  onAskAgain: () => void;
  onAllowMore: () => void;
  onRemove: () => void;
}): JSX.Element {
  const { column, trans } = props;
  const name = nameOf(column.source, trans);
  const end = useRef<HTMLDivElement>(null);
  const last = column.turns[column.turns.length - 1];
  useEffect(() => {
    end.current?.scrollIntoView?.({ block: 'nearest' });
  }, [last?.content, column.isWaiting, column.fault]);
  return (
    <section className="jp-llmtune-column" aria-label={name}>
      <header>
        <span title={name}>{name}</span>
        <button
          type="button"
          className="jp-llmtune-icon"
          aria-label={trans.__('Remove %1', name)}
          title={trans.__('Remove')}
          onClick={props.onRemove}
        >
          <closeIcon.react tag="span" />
        </button>
      </header>
      <div
        className="jp-llmtune-turns"
        role="log"
        tabIndex={0}
        // Else a screen reader would read each piece on its own.
        aria-busy={last?.isPartial ?? false}
      >
        {column.turns.map((turn, index) => (
          <React.Fragment key={index}>
            <p className={`jp-llmtune-turn jp-mod-${turn.role}`}>
              {turn.content || (turn.isPartial ? '…' : '')}
            </p>
            {turn.cutAt !== undefined && (
              <div className="jp-llmtune-turn-note">
                <span>
                  {trans._n(
                    'Cut at %1 token.',
                    'Cut at %1 tokens.',
                    turn.cutAt
                  )}
                </span>
                <Button
                  label={trans.__('Allow more')}
                  onClick={props.onAllowMore}
                />
              </div>
            )}
          </React.Fragment>
        ))}
        {column.isWaiting && (
          <p className="jp-llmtune-turn jp-mod-waiting">
            {trans.__('answers after the model before it…')}
          </p>
        )}
        {column.fault && <FaultMessage fault={column.fault} />}
        <div ref={end} />
      </div>
      {column.unanswered && (
        <Button
          label={trans.__('Ask again')}
          isDisabled={props.isBusy}
          onClick={props.onAskAgain}
        />
      )}
    </section>
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

/** Where a configuration names its model. */
const MODEL = ['model', 'name_or_path'];

function keyOf(source: ISource): string {
  return `${source.kind}:${source.name}`;
}

function nameOf(source: ISource, trans: TranslationBundle): string {
  return source.kind === 'run'
    ? source.name
    : trans.__('%1 (base)', source.name);
}
