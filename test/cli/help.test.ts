import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { PARTS } from '../../cli/parts.ts';
import type { CommandContext } from '../../common/runtime/command.ts';

const context: CommandContext = {
  environment: {},
  terminal: { print: () => {}, printError: () => {}, hasColor: false },
  cliFile: '/nowhere/cli.ts',
};

/** Commands that print what there is; a program wants to read that as JSON. */
const PRINTS_DATA = /^(status|events|vms|fleet|faults|watch|list|show|history)$/;

const commands = (await Promise.all(PARTS.map(async (part) => await part.load(context)))).flatMap((command) => [
  { path: command.name(), command },
  ...command.commands.map((child) => ({ path: `${command.name()} ${child.name()}`, command: child })),
]);

describe('forewarn', () => {
  it.each(commands)('$path explains itself, with examples', ({ path, command }) => {
    const help = helpOf(command);
    expect(command.description()).not.toBe('');
    expect(help).toMatch(/^Examples?:$/m);
    expect(help).toContain(`forewarn ${path}`);
  });

  it.each(commands.filter(({ command }) => PRINTS_DATA.test(command.name())))(
    '$path prints JSON when asked',
    ({ command }) => {
      expect(command.options.map((option) => option.long)).toContain('--json');
    },
  );

  it('has commands with verbs of their own, and lists them all', () => {
    expect(commands.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['emulator reboot', 'agent status', 'events', 'vms', 'job history', 'demo']),
    );
  });
});

/** What `--help` prints, with what was added before and after. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (chunk) => {
      text += chunk;
    },
  });
  command.outputHelp();
  return text;
}
