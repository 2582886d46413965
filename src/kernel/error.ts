import type { IFault } from './protocol';

/**
 * Why a request got no reply: a mistake the kernel found, or a connection that ended.
 */
export class KernelRequestError extends Error implements IFault {
  constructor(fault: IFault) {
    super(fault.what);
    this.name = 'KernelRequestError';
    this.what = fault.what;
    this.where = fault.where;
    this.fix = fault.fix;
    this.changes = fault.changes;
  }

  readonly what: string;
  readonly where: string;
  readonly fix: string;
  readonly changes: IFault['changes'];
}

/** What is wrong and how to mend it, each as a sentence: what a library says may have no full stop. */
export function faultText({ what, fix }: Pick<IFault, 'what' | 'fix'>): string {
  return fix
    ? `${/[.!?…:。！？：]$/u.test(what) ? what : `${what}.`} ${fix}`
    : what;
}
