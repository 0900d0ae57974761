import { Command, Option } from 'commander';

/** Options that every verb has. */
export interface CommonOptions {
  readonly control?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly json?: boolean;
}

function controlOption(): Option {
  return new Option(
    '--control <url>',
    'control address of the emulator (default: FOREWARN_CONTROL, http://127.0.0.1:7070)',
  );
}

function tokenFileOption(): Option {
  return new Option(
    '--token-file <file>',
    'file with the token of an emulator that asks for one (default: FOREWARN_CONTROL_TOKEN_FILE)',
  );
}

function caOption(): Option {
  return new Option(
    '--ca <file>',
    'certificate that an emulator at https:// is certified by (default: FOREWARN_CA, else what Node.js trusts)',
  );
}

function jsonOption(): Option {
  return new Option('--json', 'print JSON');
}

/** A command that asks the control API: where it is, how it lets us in, and how to print what it says. */
export function clientCommand(name: string): Command {
  return new Command(name)
    .addOption(controlOption())
    .addOption(tokenFileOption())
    .addOption(caOption())
    .addOption(jsonOption());
}
