import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLog, standardOutput, type Log } from '../../../common/runtime/log.ts';

/** What a log writes, line by line. */
function record(isJournal: boolean, write: (log: Log) => void): string[] {
  const lines: string[] = [];
  write(createLog('agent', 'debug', { isJournal, write: (line) => lines.push(line) }));
  return lines;
}

describe('the log', () => {
  it('begins each line with its syslog priority where journald reads it, children included', () => {
    const lines = record(true, (log) => {
      log.error({}, 'e');
      log.warn({}, 'w');
      log.child({ part: 'hooks' }).info({}, 'i');
      log.debug({}, 'd');
    });
    expect(lines.map((line) => line.slice(0, 4))).toEqual(['<3>{', '<4>{', '<6>{', '<7>{']);
  });

  it('writes plain JSON lines for everybody else', () => {
    const [line = ''] = record(false, (log) => {
      log.info({ event_id: 'E1', incarnation: 3, term: 1, phase: 'prepared', attempt: 1 }, 'approved');
    });
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      program: 'agent',
      event_id: 'E1',
      term: 1,
      msg: 'approved',
    });
  });

  it.each([
    [{ token: 'hush' }],
    [{ settings: { password: 'hush' } }],
    [{ settings: { scheduler: { secret: 'hush' } } }],
    [{ headers: { authorization: 'hush', cookie: 'hush' } }],
    [{ coordinator: { connectionString: 'hush' } }],
  ])('keeps the secrets of %j to itself', (fields) => {
    const [line] = record(false, (log) => {
      log.info(fields, 'settings');
    });
    expect(line).toContain('[Redacted]');
    expect(line).not.toContain('hush');
  });

  it('takes its output for the journal only when the descriptor is the one that systemd names', () => {
    expect(standardOutput({ JOURNAL_STREAM: '1:2' }).isJournal).toBe(false);
    expect(standardOutput({}).isJournal).toBe(false);
    const script = `
      import { fstatSync } from 'node:fs';
      import { standardOutput } from '${path.resolve('common/runtime/log.ts')}';
      const { dev, ino } = fstatSync(1, { bigint: true });
      process.stdout.write(String(standardOutput({ JOURNAL_STREAM: dev + ':' + ino }).isJournal));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(stdout).toBe('true');
  });
});
