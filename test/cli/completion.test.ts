import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { completionScript, learnWords } from '../../cli/completion.ts';

const script = completionScript(
  'bash',
  await learnWords({
    environment: {},
    terminal: { print: () => {}, printError: () => {}, hasColor: false },
    cliFile: '/nowhere/cli.ts',
  }),
);

/** What bash offers after `line`, whose last word is being typed. */
function complete(line: string): string[] {
  const words = line.split(' ');
  const program = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length - 1}
_forewarn
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['--norc', '-c', program], { encoding: 'utf8', cwd: import.meta.dirname })
    .trim()
    .split('\n');
}

it.each([
  ['forewarn emu', ['emulator']],
  ['forewarn emulator reb', ['reboot']],
  ['forewarn emulator reboot --not', ['--notice']],
  ['forewarn emulator --control http://127.0.0.1:1 freeze --dur', ['--duration']],
  ['forewarn agent st', ['status']],
  ['forewarn agent status --js', ['--json']],
  ['forewarn job hist', ['history']],
  ['forewarn job create ping --uri http://127.0.0.1:1 --week', ['--week-days']],
  ['forewarn completion ba', ['bash']],
])('completes %j', (line, expected) => {
  expect(complete(line)).toEqual(expected);
});

it('offers every command where none is typed yet', () => {
  expect(complete('forewarn ')).toEqual(
    expect.arrayContaining(['emulator', 'agent', 'scheduler', 'events', 'vms', 'job', 'collection']),
  );
});

it('offers files where no command or option begins so', () => {
  expect(complete('forewarn agent config --check help.t')).toEqual(['help.test.ts']);
});
