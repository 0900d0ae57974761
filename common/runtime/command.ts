import type { Environment } from './environment.ts';
import type { Terminal } from './terminal.ts';

/** What a command of the command line is given. */
export interface CommandContext {
  readonly environment: Environment;
  readonly terminal: Terminal;
  /** The running `cli.ts` or `cli.js`: for a program that starts others. */
  readonly cliFile: string;
}
