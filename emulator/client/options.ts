import { Option } from 'commander';

/** Options that every verb has. */
export interface CommonOptions {
  readonly control?: string;
  readonly json?: boolean;
}

export function controlOption(): Option {
  return new Option(
    '--control <url>',
    'control address of the emulator (default: FOREWARN_CONTROL, http://127.0.0.1:7070)',
  );
}

export function jsonOption(): Option {
  return new Option('--json', 'print JSON');
}
