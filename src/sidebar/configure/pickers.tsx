import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';

import React, { useEffect, useState } from 'react';

import { isObject } from '../../cell/shortForms';
import type {
  IDatasetChoice,
  IModelChoice,
  IVariable
} from '../../kernel/protocol';
import { count, decimal } from '../../numbers';
import type { IOption } from './combobox';
import { Combobox } from './combobox';
import { gateText, ModelAdvice } from './advice';
import { useFileDrop } from './drop';
import { isConfigurationFile, isYamlFile } from './imported';
import { choosePath, dataFiles, isDataFile, pathFor } from './places';
import type { IControl } from './typed';
import { placeholder, readText, useTyped, writeText } from './typed';

/**
 * The base model: one that is known, or any name or path.
 */
export function ModelPicker(props: IControl): JSX.Element {
  const { context, model } = props.state;
  const { trans } = context;
  const title = trans.__('Choose the folder of a model, or a GGUF file');
  // What has no slash may be a name on the Hub.
  const asPath = (path: string) => (path.includes('/') ? path : `./${path}`);
  const browse = async () => {
    const path = await choosePath(props.state, {
      title,
      isFile: path => PathExt.extname(path) === '.gguf',
      takesFolders: true
    });
    return path === null ? null : asPath(path);
  };
  const drop = useFileDrop(
    props.isReadOnly,
    path => !isConfigurationFile(path),
    async path => take(props, asPath(await pathFor(props.state, path)))
  );
  return (
    <>
      <Picker
        control={props}
        options={() => modelOptions(model.facts.models, trans)}
        noneText={trans.__('A name on the Hub, or a path')}
        placeholder={placeholder(props.field, props.state)}
        browse={browse}
        button={{ title, children: trans.__('Folder…') }}
        drop={drop}
      />
      <ModelAdvice {...props} />
    </>
  );
}

/**
 * Data: a variable of the notebook, a file picked or dropped, or any path.
 */
export function DataPicker(props: IControl): JSX.Element {
  const { context, model } = props.state;
  const { trans } = context;
  const [files, setFiles] = useState<readonly string[]>([]);
  const [names, setNames] = useState<readonly string[]>([]);
  const [fault, setFault] = useState('');
  const { datasets } = model.facts;
  const known = datasets.find(({ name }) => name === props.value);
  const readNames = () => {
    model.facts.registeredNames(registryOf(props)).then(
      found => {
        setNames(found);
        setFault('');
      },
      (error: Error) => setFault(error.message)
    );
  };
  const open = () => {
    void model.facts.loadVariables();
    void dataFiles(props.state).then(setFiles);
    readNames();
  };
  // A name of dataset_info.json means that data set, whatever the catalogue calls so.
  useEffect(() => {
    if (known) {
      readNames();
    }
  }, [known]);
  const about =
    known && !names.includes(known.name) ? datasetText(known, trans) : '';
  const drop = useFileDrop(
    props.isReadOnly,
    path => !isYamlFile(path),
    async path => take(props, await pathFor(props.state, path))
  );
  const browse = () =>
    choosePath(props.state, {
      title: trans.__('Choose data'),
      isFile: isDataFile,
      takesFolders: true
    });
  return (
    <Picker
      control={props}
      options={() => [
        ...variableOptions(model.facts.variables ?? [], trans),
        ...nameOptions(files, trans.__('Files in the folder of the kernel')),
        ...nameOptions(names, trans.__('Names of dataset_info.json')),
        ...datasetOptions(datasets, trans)
      ]}
      notes={[fault, about]}
      noneText={trans.__('Nothing fits; a path can be typed')}
      placeholder={trans.__('$variable or file')}
      browse={browse}
      button={{
        title: trans.__('Or drop a file of the file browser here'),
        'aria-label': trans.__('Choose a file: %1', props.field.title),
        children: trans.__('File…')
      }}
      drop={drop}
      onOpen={open}
    />
  );
}

/** A box to type in or pick from, and a button that opens JupyterLab's dialog. */
function Picker(props: {
  control: IControl;
  options: () => IOption[];
  noneText: string;
  placeholder: string;
  /** What is to know of what is chosen, and what keeps options from being offered. */
  notes?: string[];
  browse: () => Promise<string | null>;
  button: React.ButtonHTMLAttributes<HTMLButtonElement>;
  drop: React.RefObject<HTMLDivElement>;
  onOpen?: () => void;
}): JSX.Element {
  const { control, drop } = props;
  const { context } = control.state;
  const typed = useTyped(control, readText, writeText);
  const notes = props.notes?.filter(Boolean) ?? [];
  const noteId = `${control.id}__note`;
  const describedBy = [
    control.aria['aria-describedby'],
    notes.length ? noteId : ''
  ];
  const browse = async () => {
    const path = await props.browse();
    if (path !== null) {
      take(control, path);
    }
  };
  return (
    <div ref={drop} className="jp-llmtune-drop">
      <Combobox
        id={control.id}
        typed={typed}
        options={props.options}
        noneText={props.noneText}
        placeholder={props.placeholder}
        isReadOnly={control.isReadOnly}
        aria={{
          ...control.aria,
          'aria-describedby': describedBy.filter(Boolean).join(' ') || undefined
        }}
        trans={context.trans}
        onPick={value => take(control, value)}
        onOpen={props.onOpen}
      />
      {context.fileBrowser && (
        <button
          type="button"
          className="jp-Button jp-mod-styled"
          disabled={control.isReadOnly}
          onClick={() => void browse()}
          {...props.button}
        />
      )}
      {notes.length > 0 && (
        <p id={noteId} className="jp-llmtune-help">
          {notes.join('\n')}
        </p>
      )}
    </div>
  );
}

/** A value that is whole, and not typed. */
function take(control: IControl, value: string): void {
  control.onChange(value);
  control.onDone();
}

function modelOptions(
  models: readonly IModelChoice[],
  trans: TranslationBundle
): IOption[] {
  const group = ({ kind, family }: IModelChoice) => {
    switch (kind) {
      case 'built-in':
        return trans.__('Built in');
      case 'cached':
        return trans.__('On this machine');
      case 'catalogue':
        return trans.__('On the Hub: %1', family);
    }
  };
  return models.map(model => ({
    value: model.name,
    label: model.name,
    detail: [
      parametersText(model.parameters, trans),
      model.context === null
        ? ''
        : trans._n(
            '%2 token',
            '%2 tokens',
            model.context,
            count(model.context)
          ),
      model.licence,
      model.gated ? trans.__('gated') : ''
    ]
      .filter(Boolean)
      .join(', '),
    group: group(model),
    description: [model.description, gateText(model, trans)]
      .filter(Boolean)
      .join('\n'),
    keywords: `${model.family} ${model.parameters}b ${model.description}`
  }));
}

function variableOptions(
  variables: readonly IVariable[],
  trans: TranslationBundle
): IOption[] {
  return variables.map(({ name, type, rows, columns }) => ({
    value: `$${name}`,
    label: `$${name}`,
    detail:
      rows === null
        ? type
        : trans._n('%2, %3 row', '%2, %3 rows', rows, type, count(rows)),
    group: trans.__('Variables of the notebook'),
    description: columns.join(', ')
  }));
}

function nameOptions(names: readonly string[], group: string): IOption[] {
  return names.map(name => ({ value: name, label: name, detail: '', group }));
}

/** Public data sets, a group a task. */
function datasetOptions(
  datasets: readonly IDatasetChoice[],
  trans: TranslationBundle
): IOption[] {
  return datasets.map(dataset => ({
    value: dataset.name,
    label: dataset.name,
    detail: sizeText(dataset, trans),
    group: trans.__('On the Hub: %1', dataset.task),
    description: datasetText(dataset, trans)
  }));
}

/** What is to know of a data set before it is read. */
function datasetText(
  dataset: IDatasetChoice,
  trans: TranslationBundle
): string {
  const { description, hub, read_as: readAs } = dataset;
  const size = sizeText(dataset, trans);
  return [description, `${hub}: ${size}`, trans.__('Read as %1', readAs)].join(
    '\n'
  );
}

function sizeText(
  { rows, licence }: IDatasetChoice,
  trans: TranslationBundle
): string {
  const size =
    rows === null ? '' : trans._n('%2 row', '%2 rows', rows, count(rows));
  return [size, licence].filter(Boolean).join(', ');
}

/** The folder of dataset_info.json, as it is configured. */
function registryOf({ state }: IControl): string {
  const field = state.fields['data.dataset_dir'];
  const { data } = state.model.values;
  const written = isObject(data) ? data.dataset_dir : undefined;
  return String(written || field?.fallback || '.');
}

function parametersText(
  billions: number | null,
  trans: TranslationBundle
): string {
  if (billions === null) {
    return '';
  }
  return billions < 1
    ? trans.__('%1 M', count(billions * 1000))
    : trans.__('%1 B', decimal(Number(billions.toPrecision(3))));
}
