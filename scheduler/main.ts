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
import { createAccess, type Access } from './access/access.ts';
import { readCertified, readOwnerToken } from './access/files.ts';
import { createActions, type Actions } from './actions/actions.ts';
import { DEFAULT_ACTION_SETTINGS } from './actions/settings.ts';
import { createApp } from './api/app.ts';
import { createApiServer } from './api/server.ts';
import { createWatchServer } from './api/watch-server.ts';
import { createCoordination, type Coordination } from './coordination/coordination.ts';
import { createEngine, type Engine, type PerformAction } from './engine/engine.ts';
import { createEnrolment, type Enrolment } from './enrolment/enrolment.ts';
import { keepChecked } from './enrolment/keep-checked.ts';
import { createGateway, type Gateway } from './gateway/gateway.ts';
import { Post } from './gateway/post.ts';
import { Registry } from './gateway/registry.ts';
import { keepPruned } from './keep-pruned.ts';
import { RolloutRunner } from './rollout/runner.ts';
import { readSchedulerSettings, type SchedulerSettings } from './settings.ts';
import { assertKeysKnown, keyRingOf } from './secrets/settings.ts';
import { openStore } from './store/open.ts';
import { withoutPassword } from './store/settings.ts';
import type { Store } from './store/store.ts';
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
  options: { readonly config: string | undefined; readonly environment: Environment; readonly folder: string },
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
  const scheduler = await startScheduler(settings, log, systemClock);
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
export async function startScheduler(settings: SchedulerSettings, log: Log, clock: Clock): Promise<Scheduler> {
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
    return await open({ settings, log, clock: store.clock, closers, store });
  } catch (error) {
    await closers.close();
    throw error;
  }
}

interface Opening {
  readonly settings: SchedulerSettings;
  readonly log: Log;
  readonly clock: Clock;
  readonly closers: Closers;
  readonly store: Store;
}

async function open(opening: Opening): Promise<Scheduler> {
  const { settings, log, clock, closers, store } = opening;
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
  const app = createApp({
    store,
    clock,
    random: systemRandom,
    log: log.child({ part: 'api' }),
    engine,
    registry,
    calendars: settings.calendars,
    plans: settings.plans,
    region: settings.replica.region,
    unmanaged: settings.unmanaged,
    refusals: () => ({ ...coordination.refusals(), ...gateway.refusals() }),
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

/** What runs the jobs. */
function openEngine(
  { settings, log, clock, closers, store }: Opening,
  watch: WatchHub,
  rollouts: RolloutRunner,
  ownPort: () => number | undefined,
): Engine {
  const actions = createActions({
    settings: settings.actions ?? DEFAULT_ACTION_SETTINGS,
    allowPrivate: settings.allowPrivate,
    ownPort,
    region: settings.replica.region,
    locationOf: async (ref) => (await store.jobs.findCollection(ref))?.location ?? '',
    clock,
  });
  closers.add(async () => {
    await actions.close();
  });
  const engine = createEngine({
    store,
    clock,
    random: systemRandom,
    log: log.child({ part: 'engine' }),
    perform: performer(actions, rollouts),
    laneOf: ({ job }) => (job.definition.action.type === 'Fleet' ? undefined : actions.laneOf(job.definition.action)),
    publish: watch.publish,
    replica: settings.replica,
    calendars: settings.calendars,
  });
  closers.add(async () => {
    await engine.close();
  });
  return engine;
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

function performer(actions: Actions, rollouts: RolloutRunner): PerformAction {
  return async (claim, signal) => {
    const { action } = claim.job.definition;
    return action.type === 'Fleet'
      ? await rollouts.perform(action, claim, signal)
      : await actions.perform(action, claim, signal);
  };
}

/** Every connected VM of the scope that is named in the record, or has an entry in it. */
function pushToMembers(registry: Registry, record: AgreementRecord): void {
  for (const vm of registry.allLive()) {
    if (vm.identity.scope !== record.scope) continue;
    const name = canonicalName(vm.identity.name);
    if (record.resources.includes(name) || record.members[name] !== undefined) vm.send({ kind: 'record', record });
  }
}
