import { version } from '../package.json';

/** The version of the package: the same for the front end and the kernel half. */
export const VERSION: string = version;
