import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { nextTurn } from '../../../common/runtime/clock.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { createServiceNotifier, feedWatchdog, type ServiceNotifier } from '../../../common/runtime/service-notify.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('what systemd is told', () => {
  it('is said by systemd-notify, in order, with the socket and nothing else of the environment', async () => {
    const folder = temporaryFolder();
    const program = path.join(folder, 'systemd-notify');
    writeFileSync(program, `#!/bin/sh\necho "$NOTIFY_SOCKET|$SECRET|$*" >> ${folder}/said\n`, { mode: 0o755 });
    const environment = { NOTIFY_SOCKET: '/run/systemd/notify', SECRET: 's', PATH: '/usr/bin:/bin' };
    const notifier = createServiceNotifier(environment, { log: silentLog, program });
    notifier.tell('READY=1', 'STATUS=a b');
    notifier.tell('STOPPING=1');
    await notifier.idle();
    expect(readFileSync(path.join(folder, 'said'), 'utf8')).toBe(
      '/run/systemd/notify||READY=1 STATUS=a b\n/run/systemd/notify||STOPPING=1\n',
    );
  });

  it('is nothing where there is no systemd', async () => {
    const notifier = createServiceNotifier({}, { log: silentLog, program: '/nonexistent' });
    notifier.tell('READY=1');
    await notifier.idle();
    expect(notifier.watchdogMs).toBeUndefined();
  });

  it('may fail without harm, and is said once in the log', async () => {
    const said: string[] = [];
    const log = { ...silentLog, warn: (_fields: unknown, message: string) => void said.push(message) };
    const notifier = createServiceNotifier({ NOTIFY_SOCKET: '/x' }, { log, program: '/nonexistent' });
    notifier.tell('READY=1');
    notifier.tell('STOPPING=1');
    await notifier.idle();
    expect(said).toEqual(['systemd could not be told']);
  });
});

describe('the watchdog', () => {
  const watched = (environment: Record<string, string>): ServiceNotifier =>
    createServiceNotifier({ NOTIFY_SOCKET: '/x', ...environment }, { log: silentLog, program: '/nonexistent' });

  it('is known in milliseconds, and only to the process that it is meant for', () => {
    expect(watched({ WATCHDOG_USEC: '45000000' }).watchdogMs).toBe(45_000);
    expect(watched({ WATCHDOG_USEC: '45000000', WATCHDOG_PID: '1' }).watchdogMs).toBeUndefined();
    expect(watched({}).watchdogMs).toBeUndefined();
  });

  it('is fed three times within its time, while the work progresses and no longer', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const work = { isAlive: true };
    let fed = 0;
    const notifier = { tell: () => void fed++, idle: async () => {}, watchdogMs: 30_000 };
    const done = feedWatchdog(notifier, () => work.isAlive, { clock, log: silentLog, signal: stop.signal });
    await nextTurn();
    await clock.advance(20_000);
    expect(fed).toBe(3);
    work.isAlive = false;
    await clock.advance(60_000);
    expect(fed).toBe(3);
    stop.abort();
    await done;
  });
});
