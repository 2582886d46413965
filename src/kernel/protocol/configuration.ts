import type { JSONObject, JSONValue } from '@lumino/coreutils';

/** The YAML text of a cell, or the values of a form. */
export type IConfigurationSource = { text: string } | { values: JSONObject };

export interface IValidation {
  ok: boolean;
  problems: IConfigurationProblem[];
  /** Every value where it is, if all are right. */
  config: JSONObject | null;
  /** Our YAML, where the text is a LLaMA-Factory file. */
  translation: string | null;
}

export interface IConfigurationProblem {
  /** Null for values of a form. */
  line: number | null;
  key: string;
  message: string;
  hint: string;
  /** Each would mend it. */
  changes: IRemedy[];
}

/** A change of the configuration that mends a mistake. */
export interface IRemedy {
  path: string[];
  /** Null takes the key away. */
  value: JSONValue;
  /** The path of a key that gets this path instead, and keeps its value. */
  replaces: string[] | null;
  /** Empty where path and value say it. */
  label: string;
}

/** A variable of the notebook that can be a data set. */
export interface IVariable {
  name: string;
  type: string;
  rows: number | null;
  columns: string[];
  /** Differs when the rows do, as far as a sample of them tells. */
  content: string;
}

/** A model to choose; the description is in the user's language. */
export interface IModelChoice {
  name: string;
  kind: 'built-in' | 'cached' | 'catalogue';
  family: string;
  /** In billions. */
  parameters: number | null;
  /** In tokens. */
  context: number | null;
  licence: string;
  /** Whether its terms are to be accepted on the Hub first; null where that has changed over time. */
  gated: boolean | null;
  description: string;
  /** Values of a configuration that suit it better than what else is taken, by their keys. */
  advice: { [key: string]: string | string[] };
}

/** A data set of the catalogue; what is for people is in their language. */
export interface IDatasetChoice {
  name: string;
  /** Its id on the Hugging Face Hub. */
  hub: string;
  task: string;
  rows: number | null;
  licence: string;
  /** The format of its rows, columns of other names, and what is taken of it. */
  read_as: string;
  description: string;
}

/** Settings for a purpose; `values` are a part of a configuration. */
export interface IPreset {
  name: string;
  title: string;
  description: string;
  values: JSONObject;
}

/** What the trainer will see, and what the run will take. Times in seconds, memory in bytes. */
export interface IInspection {
  model: string;
  rows: number;
  train_rows: number;
  eval_rows: number;
  columns: string[];
  format: string;
  format_columns: string[];
  tokens: number;
  trained_tokens: number;
  /** Of the rows to train on, those that weights repeat as often. */
  epoch_tokens: number;
  epoch_trained_tokens: number;
  truncated: number;
  /** Rows left out: that cannot be trained on, and that are too long. */
  skipped: number;
  dropped: number;
  /** The first of them. */
  problems: { row: number; column: string; message: string }[];
  /** In tokens a row. */
  lengths: {
    edges: number[];
    counts: number[];
    min: number;
    median: number;
    max: number;
  };
  preview: { row: number; spans: { text: string; trained: boolean }[] }[];
  steps: number;
  /** Null where no speed of this model was measured on this machine. */
  seconds: number | null;
  memory: number;
  memory_available: number;
  notices: INotice[];
  /** Differs when the data do, as far as that is told without reading them. */
  content: string;
}

/** Something to know before the run, and changes of the configuration that mend it. */
export interface INotice {
  message: string;
  changes: IRemedy[];
}

/** What is wrong, where it is, and what to do about it; the last two can be empty. */
export interface IFault {
  what: string;
  where: string;
  fix: string;
  /** Each would mend it. */
  changes?: IRemedy[];
}
