import path from 'node:path';
import type { CommandContext } from '../common/runtime/command.ts';
import { systemClock } from '../common/runtime/clock.ts';
import { Closers, stopSignal } from '../common/runtime/lifecycle.ts';
import { formatAddress } from '../common/runtime/listen.ts';
import { createLog, standardOutput } from '../common/runtime/log.ts';
import { systemRandom } from '../common/runtime/random.ts';
import { createServiceNotifier, feedWatchdog } from '../common/runtime/service-notify.ts';
import { packageVersion } from '../common/runtime/version.ts';
import { assertFolders } from './check-folders.ts';
import { BLIND_OPEN_MS } from './core/blind-open.ts';
import { openDrains, type OpenDrains } from './drain/open-drains.ts';
import { restoreAll } from './drain/all-drains.ts';
import { drainForShutdown, isMachineStopping } from './drain-for-shutdown.ts';
import { dryRunDrains, dryRunJournal, dryRunSettings } from './dry-run.ts';
import { explainStart } from './history/explain-start.ts';
import { keepHistory, type History } from './history/keep-history.ts';
import { learnIdentity } from './identity.ts';
import { openJournal, type Journal } from './journal/journal.ts';
import { findEndpoint, type Endpoint } from './metadata/endpoint.ts';
import type { AgentMetrics } from './metrics/metrics.ts';
import { openView } from './open-view.ts';
import { openWitness } from './open-witness.ts';
import type { RunningAgent } from './run-on-vm.ts';
import { loadAgentSettings, SAFE_ABSENCE_MS } from './settings.ts';
import type { AgentTools } from './tools.ts';
import { allWitnesses } from './witness.ts';

/** A poll takes two minutes at most (the first one); without the end of one for longer than this nothing is watched any more. */
const PROGRESS_WITHIN_MS = 150_000;

/** `forewarn agent`: runs until it is told to stop. The only file that knows the agent's concrete parts. */
export async function runAgent(
  context: CommandContext,
  configFile: string,
  options: { readonly isDryRun: boolean } = { isDryRun: false },
): Promise<void> {
  const written = await loadAgentSettings(configFile, context.environment);
  await assertFolders(written);
  const settings = options.isDryRun ? dryRunSettings(written) : written;
  const log = createLog('agent', settings.log.level, standardOutput(context.environment));
  const closers = new Closers();
  const stopped = stopSignal();
  const failed = new AbortController();
  const tools: AgentTools = {
    settings,
    agentVersion: packageVersion(path.dirname(context.cliFile)),
    clock: systemClock,
    random: systemRandom,
    log,
    environment: context.environment,
    isDryRun: options.isDryRun,
    signal: AbortSignal.any([stopped, failed.signal]),
  };
  try {
    await serve(tools, closers);
  } finally {
    failed.abort();
    await closers.close();
  }
}

async function serve(tools: AgentTools, closers: Closers): Promise<void> {
  const { settings, log, clock, signal } = tools;
  const onDisk = await openJournal(settings.state);
  const journal = tools.isDryRun ? dryRunJournal(onDisk) : onDisk;
  closers.add(async () => {
    await journal.close();
  });
  // First of all, so that probes find the VM out of rotation and not a port that nobody listens on.
  const drainsUntil = new AbortController();
  closers.add(() => {
    drainsUntil.abort();
  });
  // They outlive the stop: when the machine goes down, the VM is drained after everything else has ended.
  const drains = await openAllDrains(tools, drainsUntil.signal, !journal.isDamaged && !hasPromise(journal));
  closers.add(async () => {
    await drains.close();
  });
  const metrics = settings.http?.metrics === true ? await loadMetrics(tools) : undefined;
  const vm: { running?: RunningAgent } = {};
  const view = await openView(tools, vm, metrics, closers);
  if (journal.isDamaged) log.warn({ state: settings.state }, 'the journal holds nothing that can be read');
  if (settings.events.absentFor < SAFE_ABSENCE_MS) {
    const chosenMs = settings.events.absentFor;
    log.warn({ chosenMs, safeMs: SAFE_ABSENCE_MS }, 'events.absentFor is short: an event may be taken for ended');
  }
  const history = keepHistory(settings.state, { clock, log });
  closers.add(async () => {
    await history.idle();
  });
  // A dry run may be beside the real agent, whose history it is.
  if (!tools.isDryRun) tellStart(tools, history, journal);
  const witness = allWitnesses([...(tools.isDryRun ? [] : [history.witness]), await openWitness(tools, metrics)]);
  const notifier = createServiceNotifier(tools.environment, { log });
  closers.add(async () => {
    await notifier.idle();
  });
  notifier.tell('READY=1', 'STATUS=asking which VM this is');
  const isProgressing = (): boolean => {
    const lastMs = vm.running?.state().lastPoll?.atMs;
    return lastMs === undefined || clock.monotonic() - lastMs < PROGRESS_WITHIN_MS;
  };
  const watchdog = feedWatchdog(notifier, isProgressing, tools);
  closers.add(async () => {
    await watchdog;
  });
  log.info({ ...(drains.gate === undefined ? {} : { gate: formatAddress(drains.gate) }), ...view }, 'ready');
  const endpoint = findEndpoint(settings.metadata.endpoint, tools);
  // What decides is loaded while the metadata service is asked: probes and operators have their answers by now.
  const deciding = import('./run-on-vm.ts');
  const identity = await learnOrOpenBlindly(tools, endpoint, drains, journal);
  if (identity === undefined) return;
  log.info({ ...identity }, 'this VM');
  notifier.tell(`STATUS=watches for events that name ${identity.name}`);
  const { runOnVm } = await deciding;
  vm.running = await runOnVm(tools, {
    identity,
    endpoint: endpoint.address(),
    journal,
    drains: { ...drains, drains: metrics?.measure(drains.drains) ?? drains.drains },
    witness,
    heard: (answer) => metrics?.heard(answer),
  });
  metrics?.attach(vm.running);
  await vm.running.done;
  if (!signal.aborted) throw new Error('the loop of the agent ended by itself');
  notifier.tell('STOPPING=1');
  if (!(await isMachineStopping(tools.environment))) return;
  const { detection: detectionMs = 0 } = settings.gate ?? {};
  await drainForShutdown(drains.drains, { detectionMs, timeoutMs: settings.drain.timeout }, { clock, log, notifier });
}

/** After a reboot the log and the history say which event was most likely the reason, and what remains to be done. */
function tellStart({ log, agentVersion }: AgentTools, history: History, journal: Journal): void {
  const reasons = explainStart(journal.found);
  for (const { eventId, detail } of reasons) {
    log.info({ event_id: eventId, detail }, 'the journal knows of an event');
    history.note({ kind: 'agent.started', eventId, detail: `version ${agentVersion}: ${detail}` });
  }
  if (reasons.length === 0) history.note({ kind: 'agent.started', detail: `version ${agentVersion}` });
}

/** In a dry run what is drained is only looked at, and no gate is opened that a balancer could ask. */
async function openAllDrains(tools: AgentTools, signal: AbortSignal, mayContinue: boolean): Promise<OpenDrains> {
  const { settings } = tools;
  if (!tools.isDryRun) return await openDrains(settings, { ...tools, signal }, mayContinue);
  const drains = await openDrains({ ...settings, gate: undefined }, { ...tools, signal }, false);
  return { ...drains, drains: dryRunDrains(drains.drains, tools.log) };
}

async function loadMetrics(tools: AgentTools): Promise<AgentMetrics> {
  const { createMetrics } = await import('./metrics/metrics.ts');
  return await createMetrics(tools.agentVersion, tools.clock);
}

/** A VM that cannot even learn its name opens after a minute, unless its journal knows of a promise. */
async function learnOrOpenBlindly(
  tools: AgentTools,
  endpoint: Endpoint,
  drains: OpenDrains,
  journal: Journal,
): ReturnType<typeof learnIdentity> {
  const { settings, clock, log } = tools;
  const openBlindly = async (): Promise<void> => {
    log.error(
      { detail: 'the metadata service has not answered since boot and no promise is known' },
      'entering rotation without having reconciled',
    );
    await restoreAll(drains.drains);
  };
  const cancel = hasPromise(journal)
    ? () => {}
    : clock.after(BLIND_OPEN_MS, () => {
        // Never rejects.
        void openBlindly();
      });
  try {
    return await learnIdentity(async () => await endpoint.readInstance(), settings.identity, tools);
  } finally {
    cancel();
  }
}

/** Is there anything in the journal that keeps this VM out of rotation? */
function hasPromise({ found }: Journal): boolean {
  return (
    found !== undefined &&
    (found.events.some((promise) => promise.promise !== 'released') ||
      found.maintenance.some((entry) => !entry.isReleased))
  );
}
