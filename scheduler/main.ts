import path from 'node:path';
import { canonicalName } from '../common/agreement/names.ts';
import type { AgreementRecord } from '../common/agreement/record.ts';
import { systemClock, type Clock } from '../common/runtime/clock.ts';
import type { Environment } from '../common/runtime/environment.ts';
import { describeError } from '../common/runtime/errors.ts';
import { aborted, Closers } from '../common/runtime/lifecycle.ts';
import { formatAddress, listen, type ListenAddress } from '../common/runtime/listen.ts';
import { createLog, type Log } from '../common/runtime/log.ts';
import { systemRandom } from '../common/runtime/random.ts';
import { createServiceNotifier, feedWatchdog } from '../common/runtime/service-notify.ts';
import { packageVersion } from '../common/runtime/version.ts';
import { createAccess, type Access } from './access/access.ts';
import { readCertified, readOwnerToken } from './access/files.ts';
import { createApp } from './api/app.ts';
import { createApiServer } from './api/server.ts';
import { createWatchServer } from './api/watch-server.ts';
import { createCoordination, type Coordination } from './coordination/coordination.ts';
import { createEnrolment, type Enrolment } from './enrolment/enrolment.ts';
import { keepChecked } from './enrolment/keep-checked.ts';
import { createGateway, type Gateway } from './gateway/gateway.ts';
import { Post } from './gateway/post.ts';
import { Registry } from './gateway/registry.ts';
import { keepPruned } from './keep-pruned.ts';
import type { SchedulerMetrics } from './metrics/metrics.ts';
import { openEngine } from './open-engine.ts';
import type { Opening } from './opening.ts';
import { RolloutRunner } from './rollout/runner.ts';
import { readSchedulerSettings, type SchedulerSettings } from './settings.ts';
import { assertKeysKnown, keyRingOf } from './secrets/settings.ts';
import { openStore } from './store/open.ts';
import { withoutPassword } from './store/settings.ts';
import { vmKey } from './vm-key.ts';
import { createWatchHub, type WatchHub } from './watch.ts';

/** A running scheduler. */
export interface Scheduler {
  readonly listening: ListenAddress;
  /** Ends everything within a few seconds; unfinished executions are taken over at the next start. */
  close(): Promise<void>;
}

/** `forewarn scheduler`: serves until `signal` aborts. */
export async function runScheduler(
  options: {
    readonly config: string | undefined;
    readonly environment: Environment;
    readonly folder: string;
    readonly cliFile: string;
  },
  signal: AbortSignal,
): Promise<void> {
  const settings = await readSchedulerSettings(options.config, options.environment, options.folder);
  const log = createLog('scheduler', settings.logLevel);
  log.info(
    {
      settings: {
        ...settings,
        store: withoutPassword(settings.store),
        unmanaged: [...settings.unmanaged],
        actions: settings.actions && { ...settings.actions, trust: settings.actions.trust?.length },
        calendars: [...(settings.calendars?.keys() ?? [])],
      },
    },
    'starting',
  );
  const scheduler = await startScheduler(settings, log, systemClock, packageVersion(path.dirname(options.cliFile)));
  log.info({ listen: formatAddress(scheduler.listening) }, 'ready');
  const notifier = createServiceNotifier(options.environment, { log });
  notifier.tell('READY=1', `STATUS=listens at ${formatAddress(scheduler.listening)}`);
  // Everything it does, its store among it, goes through one thread: one that hangs feeds nothing.
  const watchdog = feedWatchdog(notifier, () => true, { clock: systemClock, log, signal });
  await aborted(signal);
  notifier.tell('STOPPING=1');
  await watchdog;
  log.info({}, 'stopping');
  await scheduler.close();
  log.info({}, 'stopped');
}

/** Starts all parts, in the order in which they need each other. What was opened is closed again when a later part fails. */
export async function startScheduler(
  settings: SchedulerSettings,
  log: Log,
  clock: Clock,
  version = 'unknown',
): Promise<Scheduler> {
  const closers = new Closers();
  try {
    const keys = keyRingOf(settings.keyFile);
    const store = await openStore(settings.store, {
      clock,
      keys,
      random: systemRandom,
      log: log.child({ part: 'store' }),
    });
    closers.add(async () => {
      await store.close();
    });
    assertKeysKnown(keys, await store.secrets.keyIds());
    // From here on time is the store's: that of the database, where replicas share one.
    const metrics = settings.metrics === true ? await loadMetrics(version, store.clock) : undefined;
    return await open({
      settings,
      log,
      clock: store.clock,
      closers,
      store: metrics?.measureStore(store) ?? store,
      metrics,
    });
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function loadMetrics(version: string, clock: Clock): Promise<SchedulerMetrics> {
  const { createMetrics } = await import('./metrics/metrics.ts');
  return await createMetrics(version, clock);
}

async function open(opening: Opening): Promise<Scheduler> {
  const { settings, log, clock, closers, store, metrics } = opening;
  const watch = createWatchHub(clock);
  const { registry, coordination, rollouts } = await openFleet(opening, watch);
  let listening = settings.listen;
  const engine = openEngine(opening, watch, rollouts, () => listening.port);
  closers.add(keepPruned(store, clock, log));

  const { enrolment, gateway } = openGateway(opening, { watch, registry, coordination, rollouts });
  const access = await openAccess(opening);
  const watchServer = createWatchServer(watch, access, clock);
  closers.add(() => {
    watchServer.close();
  });
  const refusals = (): Readonly<Record<string, number>> => ({ ...coordination.refusals(), ...gateway.refusals() });
  metrics?.attach({
    backlog: async () => await store.backlog(),
    agents: () => registry.allLive().length,
    vms: () => registry.allKnown(clock.now()).length,
    refusals,
  });
  const app = createApp({
    store,
    metrics,
    clock,
    random: systemRandom,
    log: log.child({ part: 'api' }),
    engine,
    registry,
    calendars: settings.calendars,
    plans: settings.plans,
    region: settings.replica.region,
    unmanaged: settings.unmanaged,
    refusals,
    force: async (event, word) => await coordination.force(event, word),
    listening: () => listening,
    hosts: settings.hosts,
    enrolment,
    access,
    nameOf: (record, canonical) => nameIn(registry, record, canonical),
  });
  const server = createApiServer({
    app,
    gateway,
    watch: watchServer,
    listening: () => listening,
    hosts: settings.hosts,
    tls: settings.tls && (await readCertified(settings.tls)),
  });
  listening = await listen(server, settings.listen, 'listen');
  closers.add(() => {
    server.close();
    server.closeAllConnections();
  });
  await engine.start();
  return {
    listening,
    close: async () => {
      await closers.close();
    },
  };
}

/** Where the agents connect, and who of them may. */
function openGateway(
  { settings, log, clock, closers, store }: Opening,
  fleet: {
    readonly watch: WatchHub;
    readonly registry: Registry;
    readonly coordination: Coordination;
    readonly rollouts: RolloutRunner;
  },
): { readonly enrolment: Enrolment; readonly gateway: Gateway } {
  const { watch, registry, coordination, rollouts } = fleet;
  const post = new Post({ store, clock, log: log.child({ part: 'post' }), registry, rollouts });
  post.open();
  // Before it the gateway closes, and then it tells that the agents are gone.
  closers.add(async () => {
    await post.close();
  });
  const enrolment = createEnrolment({
    store: store.enrolment,
    clock,
    log: log.child({ part: 'enrolment' }),
    isRequired: settings.enrolmentRequired,
    changed: (key) => {
      gateway.holdTo(key);
    },
  });
  const gateway = createGateway({
    enrolment,
    clock,
    registry,
    watch,
    random: systemRandom,
    log: log.child({ part: 'gateway' }),
    coordination,
    onReport: (report) => {
      post.report(report);
    },
  });
  closers.add(async () => {
    await gateway.close();
  });
  closers.add(
    keepChecked({
      store: store.enrolment,
      clock,
      log,
      holdTo: (key) => {
        gateway.holdTo(key);
      },
    }),
  );
  return { enrolment, gateway };
}

/** Who may use it. */
async function openAccess({ settings, log, clock, store }: Opening): Promise<Access> {
  const { isOpen, ownerTokenFile } = settings.access ?? { isOpen: true, ownerTokenFile: undefined };
  if (isOpen) log.warn({}, 'everybody on this machine may use this scheduler without a token (access.loopback: open)');
  return createAccess({
    store: store.access,
    clock,
    isOpen,
    ownerToken: ownerTokenFile === undefined ? undefined : await readOwnerToken(ownerTokenFile, log),
  });
}

/** What knows the VMs: who they are, what they have agreed, what is rolled over them. */
async function openFleet(
  { settings, log, clock, closers, store }: Opening,
  watch: WatchHub,
): Promise<{ readonly registry: Registry; readonly coordination: Coordination; readonly rollouts: RolloutRunner }> {
  const registry = new Registry(store.vms, store.isShared ? store.fleet : undefined);
  await registry.load();
  const coordination = createCoordination({
    store: store.agreements,
    grants: store.grants,
    clock,
    log: log.child({ part: 'coordination' }),
    unmanaged: settings.unmanaged,
    publish: watch.publish,
    push: (record) => {
      pushToMembers(registry, record);
    },
    nameOf: (record, canonical) => nameIn(registry, record, canonical),
  });
  closers.add(
    store.subscribe((news) => {
      if (news.kind === 'agreement') void coordination.heard(news.scope, news.eventId);
      else if (news.kind === 'missed') {
        void coordination.load().catch((error: unknown) => {
          log.warn({ err: describeError(error) }, 'cannot read which records other schedulers have changed');
        });
      }
    }),
  );
  await coordination.load();
  const rollouts = new RolloutRunner({
    clock,
    registry,
    publish: watch.publish,
    store: store.rollouts,
    log: log.child({ part: 'rollout' }),
    claimedKeys: () => coordination.claimedKeys(),
  });
  closers.add(async () => {
    await rollouts.close();
  });
  return { registry, coordination, rollouts };
}

/** Records hold canonical names; people know the ones that the agents say. */
function nameIn(registry: Registry, record: Pick<AgreementRecord, 'scope'>, canonical: string): string {
  return registry.nameOf(vmKey(record.scope, canonical)) ?? canonical;
}

/** Every connected VM of the scope that is named in the record, or has an entry in it. */
function pushToMembers(registry: Registry, record: AgreementRecord): void {
  for (const vm of registry.allLive()) {
    if (vm.identity.scope !== record.scope) continue;
    const name = canonicalName(vm.identity.name);
    if (record.resources.includes(name) || record.members[name] !== undefined) vm.send({ kind: 'record', record });
  }
}
