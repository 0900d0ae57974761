import path from 'node:path';
import type { CommandContext } from '../common/runtime/command.ts';
import { systemClock } from '../common/runtime/clock.ts';
import { Closers, stopSignal } from '../common/runtime/lifecycle.ts';
import { formatAddress } from '../common/runtime/listen.ts';
import { createLog } from '../common/runtime/log.ts';
import { systemRandom } from '../common/runtime/random.ts';
import { packageVersion } from '../common/runtime/version.ts';
import { assertFolders } from './check-folders.ts';
import { BLIND_OPEN_MS } from './core/reconcile.ts';
import { openDrains, type OpenDrains } from './drain/open-drains.ts';
import { restoreAll } from './drain/all-drains.ts';
import { learnIdentity } from './identity.ts';
import { openJournal, type Journal } from './journal/journal.ts';
import { readInstance } from './metadata/instance.ts';
import { runOnVm, type RunningAgent } from './run-on-vm.ts';
import { loadAgentSettings, SAFE_ABSENCE_MS } from './settings.ts';
import { statusOf } from './status/status.ts';
import { openStatusServer } from './status/status-server.ts';
import type { AgentTools } from './tools.ts';

/** The loop ticks four times a second; silence for longer than this means that it hangs. */
const ALIVE_WITHIN_MS = 30_000;

/** `forewarn agent`: runs until it is told to stop. The only file that knows the agent's concrete parts. */
export async function runAgent(context: CommandContext, configFile: string): Promise<void> {
  const settings = await loadAgentSettings(configFile, context.environment);
  await assertFolders(settings);
  const log = createLog('agent', settings.log.level);
  const closers = new Closers();
  const stopped = stopSignal();
  const failed = new AbortController();
  const tools: AgentTools = {
    settings,
    agentVersion: packageVersion(path.dirname(context.cliFile)),
    clock: systemClock,
    random: systemRandom,
    log,
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
  // First of all, so that probes find the VM out of rotation and not a port that nobody listens on.
  const drains = await openDrains(settings, log);
  closers.add(async () => {
    await drains.close();
  });
  const vm: { running?: RunningAgent } = {};
  const server = await openStatusServer(settings.socket, {
    status: () => vm.running && statusOf(vm.running.state(), clock.monotonic()),
    // Asking who it is may take as long as it takes; that it asks is alive enough.
    isAlive: () => vm.running === undefined || clock.monotonic() - vm.running.lastTickMs() < ALIVE_WITHIN_MS,
  });
  closers.add(async () => {
    await server.close();
  });
  const journal = await openJournal(settings.state);
  closers.add(async () => {
    await journal.close();
  });
  if (journal.isDamaged) log.warn({ state: settings.state }, 'the journal holds nothing that can be read');
  if (settings.events.absentFor < SAFE_ABSENCE_MS) {
    const chosenMs = settings.events.absentFor;
    log.warn({ chosenMs, safeMs: SAFE_ABSENCE_MS }, 'events.absentFor is short: an event may be taken for ended');
  }
  log.info(
    { ...(drains.gate === undefined ? {} : { gate: formatAddress(drains.gate) }), socket: settings.socket },
    'ready',
  );
  const identity = await learnOrOpenBlindly(tools, drains, journal);
  if (identity === undefined) return;
  log.info({ ...identity }, 'this VM');
  vm.running = await runOnVm(tools, { identity, journal, drains });
  await vm.running.done;
  if (!signal.aborted) throw new Error('the loop of the agent ended by itself');
}

/** A VM that cannot even learn its name opens after a minute, unless its journal knows of a promise. */
async function learnOrOpenBlindly(
  tools: AgentTools,
  drains: OpenDrains,
  journal: Journal,
): ReturnType<typeof learnIdentity> {
  const { settings, clock, log } = tools;
  const found = journal.found;
  const hasPromise =
    found !== undefined &&
    (found.events.some((promise) => promise.promise !== 'released') ||
      found.maintenance.some((entry) => !entry.isReleased));
  const openBlindly = async (): Promise<void> => {
    log.error(
      { detail: 'the metadata service has not answered since boot and no promise is known' },
      'entering rotation without having reconciled',
    );
    await restoreAll(drains.drains);
  };
  const cancel = hasPromise
    ? () => {}
    : clock.after(BLIND_OPEN_MS, () => {
        // Never rejects.
        void openBlindly();
      });
  try {
    return await learnIdentity(
      async () => await readInstance(settings.metadata.endpoint, tools.signal),
      settings.identity,
      tools,
    );
  } finally {
    cancel();
  }
}

/** Reads the settings of `file` and says nothing when they are right; throws a `UserError` when they are not. */
export async function checkAgentSettings(context: CommandContext, file: string): Promise<void> {
  await assertFolders(await loadAgentSettings(file, context.environment));
}
