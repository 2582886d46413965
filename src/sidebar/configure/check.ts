import { Changing } from '../../changing';
import type { IConfigurationProblem } from '../../kernel/protocol';
import type { IKernelClient } from '../../tokens';

/**
 * What the kernel finds wrong with a configuration; it is asked when the typing pauses.
 */
export class KernelCheck extends Changing {
  /** What was last found wrong. */
  get problems(): readonly IConfigurationProblem[] {
    return this._problems;
  }

  /** What was last checked, as our YAML, if it is a LLaMA-Factory file. */
  get translation(): string | null {
    return this._translation;
  }

  /** Whether the problems are those of this text. */
  isOf(text: string): boolean {
    return this._checked === text;
  }

  protected onDispose(): void {
    this.cancel();
  }

  /** What was wrong was wrong with another configuration. */
  forget(): void {
    this.cancel();
    this._checked = null;
    this._problems = [];
    this._translation = null;
  }

  /** Check a text when no other one comes for a while. */
  soon(client: IKernelClient, text: string): void {
    const question = this._instead({ client, text });
    this._timer = window.setTimeout(() => void this._ask(question), PAUSE);
  }

  /** Check a text at once. */
  now(client: IKernelClient, text: string): void {
    void this._ask(this._instead({ client, text }));
  }

  /** Ask nothing, and take no answer; the last one stands. */
  cancel(): void {
    window.clearTimeout(this._timer);
    this._question = null;
  }

  /** Ask this instead of what was asked. */
  private _instead(question: IQuestion): IQuestion {
    this.cancel();
    this._question = question;
    return question;
  }

  /** The last question counts, whichever answer comes last. */
  private async _ask(question: IQuestion): Promise<void> {
    const { client, text } = question;
    let checked: string | null = text;
    let problems: readonly IConfigurationProblem[] = [];
    let translation: string | null = null;
    // In an empty one nothing is wrong yet.
    if (text.trim()) {
      try {
        ({ problems, translation } = await client.request('validate', {
          text
        }));
      } catch {
        // Asked again when the kernel is ready again; until then the last answer stands.
        checked = null;
        problems = this._problems;
        translation = this._translation;
      }
    }
    if (question === this._question) {
      this._checked = checked;
      this._problems = problems;
      this._translation = translation;
      this.emit();
    }
  }

  private _question: IQuestion | null = null;
  /** The text that the problems are of. */
  private _checked: string | null = null;
  private _problems: readonly IConfigurationProblem[] = [];
  private _translation: string | null = null;
  private _timer = 0;
}

interface IQuestion {
  readonly client: IKernelClient;
  readonly text: string;
}

const PAUSE = 300;
