import { InputDialog } from '@jupyterlab/apputils';

import React, { useRef } from 'react';

import { useFormState } from './state';

/**
 * What can be done with the whole configuration.
 */
export function Toolbar(): JSX.Element {
  const { context, model } = useFormState();
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
        <div className="jp-llmtune-buttons">
          <button
            type="button"
            className="jp-Button jp-mod-styled jp-mod-accept"
            disabled={!model.canRun}
            title={
              cell
                ? trans.__('Run the chosen cell')
                : trans.__('Insert a cell below the active one and run it')
            }
            onClick={() => void model.run()}
          >
            {trans.__('Run')}
          </button>
          {!cell && (
            <button
              type="button"
              className="jp-Button jp-mod-styled"
              disabled={!edited.panel}
              onClick={() => void model.insert()}
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
        </div>
      </div>
      <Presets />
      <Files />
    </>
  );
}

/** Settings for a purpose, and what the user saved. */
function Presets(): JSX.Element {
  const { context, model, isReadOnly } = useFormState();
  const { trans } = context;
  const saved = Object.entries(model.saved);
  return (
    <details>
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
              onClick={() => model.apply(values)}
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
              title={text}
              onClick={() => model.edited.replace(text)}
            >
              {name}
            </button>
            <button
              type="button"
              className="jp-llmtune-remove"
              aria-label={trans.__('Delete the saved configuration %1', name)}
              title={trans.__('Delete')}
              onClick={() => void model.deleteSaved(name)}
            >
              ×
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
    if (value?.trim()) {
      await model.save(value.trim());
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

function fileName(model: ReturnType<typeof useFormState>['model']): string {
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
