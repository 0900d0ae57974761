import { access } from 'node:fs/promises';
import type { Clock } from '../common/runtime/clock.ts';
import type { Environment } from '../common/runtime/environment.ts';
import type { Log } from '../common/runtime/log.ts';
import type { ServiceNotifier } from '../common/runtime/service-notify.ts';
import { readAll, startAll } from './drain/all-drains.ts';
import type { Drain } from './drain/drain.ts';

/** Pause between two looks at the traffic that is left. */
const LOOK_MS = 200;

/** Two looks in a row without traffic: a session that is just being made can hide from one. */
const CLEAR_READS = 2;

/** systemd is told to wait this much longer, several times within it. */
const EXTENSION_MS = 15_000;
const EXTEND_EVERY_MS = 5000;

/**
 * Whether the machine goes down, and not this service alone. The unit's ExecStop leaves the file that the variable names when
 * `systemctl is-system-running` says "stopping"; it runs as root and so needs no D-Bus, which may already have stopped.
 * Without systemd a stop is only a stop.
 */
export async function isMachineStopping(environment: Environment): Promise<boolean> {
  const file = environment['FOREWARN_SHUTDOWN_FILE'];
  if (file === undefined || file === '') return false;
  return await access(file).then(
    () => true,
    () => false,
  );
}

/**
 * Turns traffic away and waits until it has gone, for a machine that is about to stop: whoever restarts the agent alone wants
 * nothing of this. No hook is run and nothing is promised; that belongs to events. Resolves after `detectionMs` and
 * `timeoutMs` at the latest, whatever is left then; never rejects.
 */
export async function drainForShutdown(
  drains: readonly Drain[],
  limits: { readonly detectionMs: number; readonly timeoutMs: number },
  tools: { readonly clock: Clock; readonly log: Log; readonly notifier: ServiceNotifier },
): Promise<void> {
  const { clock, log, notifier } = tools;
  const startedMs = clock.monotonic();
  const endMs = startedMs + limits.detectionMs + limits.timeoutMs;
  let extendedMs = -Infinity;
  const extend = (): void => {
    if (clock.monotonic() - extendedMs < EXTEND_EVERY_MS) return;
    extendedMs = clock.monotonic();
    notifier.tell(`EXTEND_TIMEOUT_USEC=${EXTENSION_MS * 1000}`, 'STATUS=the machine stops: draining');
  };
  log.info({ detail: 'the machine stops' }, 'drain.started');
  extend();
  const started = await startAll(drains);
  if (!started.ok) log.warn({ detail: started.detail }, 'not every balancer has turned traffic away');
  let clearReads = 0;
  let detail = '';
  while (clock.monotonic() < endMs) {
    extend();
    await clock.sleep(LOOK_MS);
    const reading = await readAll(drains);
    detail = reading.detail;
    clearReads = reading.ok ? clearReads + 1 : 0;
    // Until the slowest balancer has noticed, new connections come all the time, however quiet it is now.
    if (clearReads >= CLEAR_READS && clock.monotonic() - startedMs >= limits.detectionMs) {
      log.info({ tookMs: Math.round(clock.monotonic() - startedMs) }, 'drain.proven');
      return;
    }
  }
  log.warn({ detail }, 'the machine stops with traffic left');
}
