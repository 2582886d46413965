import type { JSONObject, JSONValue } from '@lumino/coreutils';

import type { IChange } from './rewriter';
import { Rewriter } from './rewriter';
import { valueAt } from './paths';
import { expandShortForms, isObject, isShort, MAIN_KEYS } from './shortForms';
import type { IReplacement } from './splices';
import type { IProblem } from './tree';
import { readTree } from './tree';

export type { IChange, IProblem, IReplacement };

/** Keys of LLaMA-Factory's v1, and of the settings of accelerate and DeepSpeed beside it. */
const FOREIGN = [
  'stage',
  'finetuning_type',
  'train_dataset',
  'model_class',
  'peft_config',
  'kernel_config',
  'quant_config',
  'dist_config',
  'init_config',
  'distributed_type',
  'compute_environment',
  'zero_optimization',
  'train_micro_batch_size_per_gpu'
];

/**
 * The YAML text of a configuration: what it says, and how to rewrite it.
 */
export class ConfigDocument {
  constructor(readonly text: string) {
    const { root, problem } = readTree(text);
    this.problem = problem;
    this.values = isObject(root?.value) ? root.value : {};
    this.expanded = expandShortForms(this.values);
  }

  /** Why the text cannot be read; there are no values then. */
  readonly problem: IProblem | null;

  /** As they are written. */
  readonly values: JSONObject;

  /** Each section written out as a map. */
  readonly expanded: JSONObject;

  /** Whether it looks like a LLaMA-Factory file, which has arguments and no sections. */
  get isForeign(): boolean {
    const { values } = this;
    const isOurs = 'data' in values;
    return (
      'model_name_or_path' in values ||
      (!isOurs && FOREIGN.some(key => key in values))
    );
  }

  /**
   * The value at a path, in `expanded`.
   */
  get(path: string[]): JSONValue | undefined {
    return valueAt(this.expanded, path);
  }

  /**
   * Whether the text itself gives a value at a path, be it in short form.
   */
  has(path: string[]): boolean {
    const [section, key, ...inner] = path;
    const written = this.values[section];
    const isMain = key !== undefined && key === MAIN_KEYS[section];
    return isShort(section, written) && isMain
      ? this.get([section, key, ...inner]) !== undefined
      : valueAt(this.values, path) !== undefined;
  }

  /**
   * The least that has to be replaced in the text to make changes, one after the other.
   *
   * @throws UnreadableError if the text cannot be read.
   */
  edit(changes: IChange[]): IReplacement[] {
    const rewriter = new Rewriter(this.text);
    for (const change of changes) {
      rewriter.run(change);
    }
    return rewriter.replacements;
  }

  /**
   * The text with changes made.
   *
   * @throws UnreadableError if the text cannot be read.
   */
  apply(changes: IChange[]): string {
    return this.edit(changes).reduceRight(
      (text, { start, end, text: inserted }) =>
        text.slice(0, start) + inserted + text.slice(end),
      this.text
    );
  }
}
