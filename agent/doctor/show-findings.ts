import { systemClock } from '../../common/runtime/clock.ts';
import type { CommandContext } from '../../common/runtime/command.ts';
import { UserError } from '../../common/runtime/errors.ts';
import { examine } from './examine.ts';
import type { Finding } from './finding.ts';

const MARKS = { ok: 'ok', warning: 'warning', wrong: 'WRONG', unknown: '?' } as const;

/** `forewarn agent doctor`; throws a `UserError` (exit status 1) when anything is wrong. */
export async function runDoctor(context: CommandContext, config: string, asJson: boolean): Promise<void> {
  const { environment, terminal } = context;
  const findings = await examine(config, { clock: systemClock, environment });
  terminal.print(asJson ? JSON.stringify({ findings }, undefined, 2) : formatFindings(findings));
  const count = findings.filter((finding) => finding.state === 'wrong').length;
  if (count > 0)
    throw new UserError('UNWELL', `${count} of ${findings.length} checks found something wrong`, {
      hint: asJson ? 'each finding says how to mend it' : 'the lines under WRONG say how to mend it',
    });
}

/** One line a finding, and under those that are not well what to do. */
export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(...Object.values(MARKS).map((mark) => mark.length));
  return findings
    .flatMap(({ check, state, found, mend }) => [
      `${MARKS[state].padEnd(width)}  ${check}: ${found}`,
      ...(mend === '' ? [] : [`${' '.repeat(width)}    ${mend}`]),
    ])
    .join('\n');
}
