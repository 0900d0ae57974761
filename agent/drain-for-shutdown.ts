import { access } from 'node:fs/promises';
import type { Clock } from '../common/runtime/clock.ts';
import type { Environment } from '../common/runtime/environment.ts';
import { aborted } from '../common/runtime/lifecycle.ts';
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
  log.info({ detail: 'the machine stops' }, 'drain.started');
  const done = new AbortController();
  const extending = keepExtending(notifier, clock, done.signal);
  const cancel = clock.after(limits.detectionMs + limits.timeoutMs, () => {
    done.abort();
  });
  const traffic = { left: 'no balancer has answered' };
  const tookMs = await Promise.race([
    drain(drains, { detectionMs: limits.detectionMs, traffic }, { clock, log, signal: done.signal }),
    aborted(done.signal),
  ]);
  cancel();
  done.abort();
  await extending;
  if (tookMs === undefined) log.warn({ detail: traffic.left }, 'the machine stops with traffic left');
}

/** Keeps `traffic` true. Resolves with how long it took once nothing flows; undefined when `signal` aborted first. */
async function drain(
  drains: readonly Drain[],
  about: { readonly detectionMs: number; readonly traffic: { left: string } },
  tools: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<number | undefined> {
  const { clock, log, signal } = tools;
  const startedMs = clock.monotonic();
  const started = await startAll(drains);
  if (!started.ok) log.warn({ detail: started.detail }, 'not every balancer has turned traffic away');
  let clearReads = 0;
  while (!signal.aborted) {
    await clock.sleep(LOOK_MS, signal);
    const reading = await readAll(drains);
    clearReads = reading.ok ? clearReads + 1 : 0;
    const tookMs = clock.monotonic() - startedMs;
    // Until the slowest balancer has noticed, new connections come all the time, however quiet it is now.
    if (clearReads >= CLEAR_READS && tookMs >= about.detectionMs) {
      log.info({ tookMs: Math.round(tookMs) }, 'drain.proven');
      return tookMs;
    }
    about.traffic.left = reading.detail;
  }
  return undefined;
}

/** Asks for more time for as long as it takes, also while a balancer does not answer. */
async function keepExtending(notifier: ServiceNotifier, clock: Clock, signal: AbortSignal): Promise<void> {
  do notifier.tell(`EXTEND_TIMEOUT_USEC=${EXTENSION_MS * 1000}`, 'STATUS=the machine stops: draining');
  while (await clock.sleep(EXTEND_EVERY_MS, signal));
}
