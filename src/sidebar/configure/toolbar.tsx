import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';

import React, { useRef, useState } from 'react';

import { runObstacle } from './deeds';
import type { ConfigureModel } from './model';
import { useFormState } from './state';
import { causeText } from './wording';

/**
 * What can be done with the whole configuration.
 */
export function Toolbar(): JSX.Element {
  const { context, model, isText, showText } = useFormState();
  const { trans } = context;
  const { edited } = model;
  const { cell, draft } = edited;
  return (
    <>
      <div className="jp-llmtune-actions">
        <div className="jp-llmtune-source" aria-live="polite">
          {cell
            ? trans.__('Cell: %1', cell.header.line)
            : trans.__('Draft, not in a cell yet')}
        </div>
        {model.launch.nextName !== null && (
          <div className="jp-llmtune-help" role="status">
            {trans.__('The next run of it is named %1.', model.launch.nextName)}
          </div>
        )}
        <div className="jp-llmtune-buttons">
          <button
            type="button"
            className="jp-Button jp-mod-styled jp-mod-accept"
            data-llmtune-home
            disabled={!model.canRun}
            title={runTitle(model, trans)}
            onClick={() => void model.launch.run()}
          >
            {trans.__('Run')}
          </button>
          {!cell && (
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              disabled={!edited.panel}
              onClick={() => void model.launch.insert()}
            >
              {trans.__('Insert as cell')}
            </button>
          )}
          {!cell && (
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              disabled={!draft.isTouched}
              title={trans.__('Take back the last edit of the draft')}
              onClick={() => draft.undo()}
            >
              {trans.__('Undo')}
            </button>
          )}
          <button
            type="button"
            className="jp-Button jp-mod-styled"
            aria-pressed={isText}
            title={trans.__('See and edit the configuration as text')}
            onClick={() => showText(!isText)}
          >
            {trans.__('YAML')}
          </button>
        </div>
        <Unreadable />
      </div>
      <Presets />
      <Files />
    </>
  );
}

/** Why the form is locked: always in view. */
function Unreadable(): JSX.Element {
  const { context, model } = useFormState();
  const { trans } = context;
  const { edited } = model;
  const { problem } = edited.document;
  return (
    <div role="status" aria-live="polite">
      {problem && (
        <div className="jp-llmtune-fault">
          <strong>
            {trans.__(
              'Line %1 cannot be read.',
              problem.line + edited.linesBefore
            )}
          </strong>
          <div className="jp-llmtune-fault-where">
            {causeText(problem.cause, trans)}
          </div>
          <div>
            {trans.__('Until it is mended, the form is locked.')}{' '}
            <LineButton line={problem.line} />
          </div>
        </div>
      )}
    </div>
  );
}

/**
 * Goes to a line of the text.
 *
 * @param line - of the YAML.
 */
export function LineButton(props: { line: number }): JSX.Element {
  const { context, model, showText } = useFormState();
  const line = props.line + model.edited.linesBefore;
  return (
    <button
      type="button"
      className="jp-llmtune-line"
      title={context.trans.__('Go to this line')}
      onClick={() => showText(true, line)}
    >
      {context.trans.__('line %1', line)}
    </button>
  );
}

/** Settings for a purpose, and what the user saved. */
function Presets(): JSX.Element {
  const { context, model, isReadOnly } = useFormState();
  const { trans } = context;
  const [isOpen, setOpen] = useState(false);
  const saved = Object.entries(model.saved.all);
  // What is chosen shows in the form, which needs the room.
  const choose = (apply: () => void) => () => {
    apply();
    setOpen(false);
  };
  const remove = async (name: string) => {
    const title = trans.__('Delete the saved configuration %1?', name);
    if (await confirm(title, trans.__('Delete'), trans)) {
      await model.saved.delete(name);
    }
  };
  return (
    <details
      open={isOpen}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>{trans.__('Presets')}</summary>
      <ul className="jp-llmtune-presets">
        {model.facts.presets.map(({ name, title, description, values }) => (
          <li key={name}>
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              disabled={isReadOnly}
              title={description}
              aria-description={description}
              onClick={choose(() => model.apply(values))}
            >
              {title}
            </button>
          </li>
        ))}
        {saved.map(([name, text]) => (
          <li key={`saved ${name}`}>
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              disabled={!model.edited.canReplace}
              title={`${name}\n\n${text}`}
              onClick={choose(() => model.edited.replace(text))}
            >
              {name}
            </button>
            <button
              type="button"
              className="jp-llmtune-icon"
              aria-label={trans.__('Delete the saved configuration %1', name)}
              title={trans.__('Delete')}
              onClick={() => void remove(name)}
            >
              <closeIcon.react tag="span" />
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Files(): JSX.Element {
  const { context, model } = useFormState();
  const { trans } = context;
  const file = useRef<HTMLInputElement>(null);
  const save = async () => {
    const { value } = await InputDialog.getText({
      title: trans.__('Save the configuration as'),
      label: trans.__('Name')
    });
    const name = value?.trim();
    if (!name) {
      return;
    }
    const title = trans.__('Replace the saved configuration %1?', name);
    if (
      !(name in model.saved.all) ||
      (await confirm(title, trans.__('Replace'), trans))
    ) {
      model.edited.flush();
      await model.saved.save(name, model.edited.text);
    }
  };
  const open = async (files: FileList | null) => {
    const [chosen] = files ?? [];
    if (chosen) {
      model.edited.replace(await chosen.text());
    }
  };
  return (
    <details>
      <summary>{trans.__('Save and load')}</summary>
      <div className="jp-llmtune-buttons">
        {context.settings && (
          <button
            type="button"
            className="jp-Button jp-mod-styled"
            onClick={() => void save()}
          >
            {trans.__('Save as preset…')}
          </button>
        )}
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={!model.edited.canReplace}
          onClick={() => file.current?.click()}
        >
          {trans.__('Import YAML…')}
        </button>
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          onClick={() => download(model.edited.text, fileName(model))}
        >
          {trans.__('Export YAML')}
        </button>
        <input
          ref={file}
          type="file"
          accept=".yaml,.yml"
          hidden
          aria-label={trans.__('YAML file to import')}
          onChange={event => {
            const { files } = event.target;
            void open(files).then(() => {
              // The same file can be chosen again.
              if (file.current) {
                file.current.value = '';
              }
            });
          }}
        />
      </div>
    </details>
  );
}

/** What Run does, or why it cannot. */
function runTitle(model: ConfigureModel, trans: TranslationBundle): string {
  const obstacle = runObstacle(model, trans);
  if (obstacle) {
    return obstacle;
  }
  return model.edited.cell
    ? trans.__('Run the chosen cell')
    : trans.__('Insert a cell below the active one and run it');
}

async function confirm(
  title: string,
  label: string,
  trans: TranslationBundle
): Promise<boolean> {
  const { button } = await showDialog({
    title,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label })
    ]
  });
  return button.accept;
}

function fileName(model: ConfigureModel): string {
  return `${model.edited.cell?.header.name ?? 'finetune'}.yaml`;
}

function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/yaml' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(url);
}
