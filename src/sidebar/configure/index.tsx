import { ReactWidget } from '@jupyterlab/apputils';
import { UseSignal } from '@jupyterlab/ui-components';

import React, { useEffect, useState } from 'react';

import type { CellTracker } from '../../cell/tracker';
import { onTurnedTo } from '../../turning';
import type { ISidebarContext } from '../context';
import { FaultMessage } from '../fault';
import { whileShown } from '../shown';
import type { IField } from './fields';
import { isChanged } from './fields';
import { Foreign } from './foreign';
import { Fields } from './form';
import type { IGroup } from './groups';
import { groupsOf, search } from './groups';
import { takeConfigurations } from './imported';
import { isWrong } from './messages';
import { ConfigureModel } from './model';
import type { IFormState } from './state';
import { FormState, useFormState } from './state';
import { BeforeRun } from './strip';
import { Toolbar } from './toolbar';
import type { ILine } from './yamlText';
import { YamlText } from './yamlText';

/**
 * The form: the same document as a `%%finetune` cell.
 */
export class ConfigureSection extends ReactWidget {
  constructor(context: ISidebarContext, cells: CellTracker) {
    super();
    this._context = context;
    this.model = new ConfigureModel(context, cells);
    this.id = 'jp-llmtune-configure';
    this.title.label = context.trans.__('Configure');
    this.addClass('jp-llmtune-configure');
    whileShown(this, context, isShown => {
      this.model.show(this, isShown);
    });
    onTurnedTo(this, () => this.model.lookAgain());
    this._stopTaking = takeConfigurations(this.node, this.model, context);
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._stopTaking();
      this.model.dispose();
      super.dispose();
    }
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this.model.changed}>
        {() => <Configure model={this.model} context={this._context} />}
      </UseSignal>
    );
  }

  readonly model: ConfigureModel;

  private readonly _context: ISidebarContext;
  private readonly _stopTaking: () => void;
}

function Configure(props: {
  model: ConfigureModel;
  context: ISidebarContext;
}): JSX.Element {
  const { model, context } = props;
  const { trans } = context;
  const { edited, facts } = model;
  // Kept when another cell is chosen.
  const [query, setQuery] = useState('');
  const [isText, setText] = useState(false);
  const [line, setLine] = useState<ILine | null>(null);
  const [sought, setSought] = useState<string | null>(null);
  const showText = (isShown: boolean, number?: number) => {
    edited.flush();
    setText(isShown);
    setLine(number === undefined ? null : { number });
  };
  const state: IFormState = {
    context,
    model,
    fields: Object.fromEntries(model.fields.map(field => [field.key, field])),
    values: model.values,
    messages: model.messages,
    isReadOnly: !edited.isEditable,
    isText,
    showText,
    sought,
    seek: problem => {
      const field = model.shownField(problem);
      const { line } = problem;
      if (field && !edited.readable.isForeign && (line === null || !isText)) {
        showText(false);
        setQuery('');
        setSought(field.key);
      } else {
        showText(true, line === null ? undefined : line + edited.linesBefore);
      }
    },
    found: () => setSought(null)
  };
  return (
    <FormState.Provider value={state}>
      <Toolbar />
      <State />
      {isText ? (
        <YamlText line={line} />
      ) : edited.readable.isForeign ? (
        <Foreign />
      ) : facts.schema ? (
        <Form key={edited.place} query={query} onQuery={setQuery} />
      ) : facts.fault ? (
        <FaultMessage fault={facts.fault} />
      ) : (
        <p role="status">{trans.__('Asking the kernel for the form…')}</p>
      )}
      <BeforeRun />
    </FormState.Provider>
  );
}

/** Whether the whole can be edited, and how far it is checked. */
function State(): JSX.Element {
  const { context, model } = useFormState();
  const { trans } = context;
  const { edited } = model;
  const { problem } = edited.document;
  return (
    <div className="jp-llmtune-state" role="status" aria-live="polite">
      {edited.cell && !edited.cell.isEditable && (
        <div>{trans.__('This cell cannot be edited.')}</div>
      )}
      {!problem && model.checkState === 'waiting' && (
        <div className="jp-llmtune-help">
          {trans.__('It is checked when the kernel is ready again.')}
        </div>
      )}
    </div>
  );
}

function Form(props: {
  query: string;
  onQuery: (query: string) => void;
}): JSX.Element {
  const { query, onQuery } = props;
  const { context, model } = useFormState();
  const { trans } = context;
  const fields = model.applicableFields;
  const groups = groupsOf(
    query.trim() ? search(fields, query) : fields,
    model.facts.schema!
  );
  return (
    <div
      className="jp-llmtune-form"
      role="form"
      aria-label={trans.__('Configuration')}
    >
      <input
        className="jp-mod-styled"
        type="search"
        aria-label={trans.__('Search the settings')}
        placeholder={trans.__('Search the settings')}
        value={query}
        onChange={event => onQuery(event.target.value)}
      />
      {query.trim() && groups.length === 0 && (
        <p role="status">{trans.__('No setting fits.')}</p>
      )}
      {groups.map((group, index) =>
        index === 0 && group.name === '' ? (
          <Fields key="essential" name="essential" fields={group.fields} />
        ) : (
          <Section
            key={group.name || 'others'}
            group={group}
            isSearched={Boolean(query.trim())}
          />
        )
      )}
    </div>
  );
}

/** A section, folded; with its fields only while it is open. */
function Section(props: { group: IGroup; isSearched: boolean }): JSX.Element {
  const { group, isSearched } = props;
  const { context, values, messages, sought } = useFormState();
  const { trans } = context;
  const [isOpen, setOpen] = useState(false);
  const isSought = group.fields.some(({ key }) => key === sought);
  useEffect(() => {
    if (isSought) {
      setOpen(true);
    }
  }, [isSought]);
  const count = (test: (field: IField) => boolean) =>
    group.fields.filter(test).length;
  const wrong = count(field => isWrong(messages, field));
  const changed = count(field => isChanged(field, values));
  const isUnfolded = isOpen || isSearched;
  return (
    <details
      open={isUnfolded}
      onToggle={event => {
        if (!isSearched) {
          setOpen(event.currentTarget.open);
        }
      }}
    >
      <summary>
        {group.title || trans.__('More')}
        {changed > 0 && (
          <span className="jp-llmtune-count">
            {trans._n('%1 changed', '%1 changed', changed)}
          </span>
        )}
        {wrong > 0 && (
          <span className="jp-llmtune-count jp-mod-wrong">
            {trans._n('%1 problem', '%1 problems', wrong)}
          </span>
        )}
      </summary>
      {isUnfolded && (
        <Fields name={group.name || 'others'} fields={group.fields} />
      )}
    </details>
  );
}
