import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';

import React, { useRef, useState } from 'react';

import { confirm } from '../asking';
import { runObstacle } from './deeds';
import { importFile } from './imported';
import { sentence } from './messages';
import type { ConfigureModel } from './model';
import type { INamed } from './named';
import { namedConfigurations, saveNamed } from './named';
import { Remedies } from './remedies';
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
        <Problems />
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

/** What is wrong and stands at no field: always in view. */
function Problems(): JSX.Element {
  const { model, isText } = useFormState();
  const { isForeign } = model.edited.readable;
  const problems = isText || isForeign ? model.mistakes : model.otherProblems;
  return (
    <div role="status" aria-live="polite">
      {!model.edited.document.problem && problems.length > 0 && (
        <ul className="jp-llmtune-problems">
          {problems.map(found => (
            <li key={`${found.line} ${found.key} ${found.message}`}>
              {found.line !== null && (
                <>
                  <LineButton line={found.line} />:{' '}
                </>
              )}
              {found.key && <code>{found.key}</code>} {sentence(found)}
              <Remedies remedies={found.changes} />
            </li>
          ))}
        </ul>
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
  const { context, model } = useFormState();
  const { trans } = context;
  const [isOpen, setOpen] = useState(false);
  // What is chosen shows in the form, which needs the room.
  const choose = ({ apply }: INamed) => {
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
        {namedConfigurations(model).map(named => (
          <li key={`${named.name} ${named.isSaved}`}>
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              disabled={!named.isApplicable}
              title={named.description}
              aria-description={named.description}
              onClick={() => choose(named)}
            >
              {named.name}
            </button>
            {named.isSaved && (
              <button
                type="button"
                className="jp-llmtune-icon"
                aria-label={trans.__(
                  'Delete the saved configuration %1',
                  named.name
                )}
                title={trans.__('Delete')}
                onClick={() => void remove(named.name)}
              >
                <closeIcon.react tag="span" />
              </button>
            )}
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
  const open = async (files: FileList | null) => {
    const [chosen] = files ?? [];
    if (chosen) {
      await importFile(model, chosen, trans);
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
            onClick={() => void saveNamed(model, trans)}
          >
            {trans.__('Save as preset…')}
          </button>
        )}
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={!model.edited.canReplace}
          title={trans.__('YAML or JSON; a file can also be dropped here')}
          onClick={() => file.current?.click()}
        >
          {trans.__('Import…')}
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
          accept=".yaml,.yml,.json"
          hidden
          aria-label={trans.__('File to import')}
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
