import type { AgentHealth, VmIdentity } from '../common/protocol/messages.ts';
import { probeApplication } from './application-probe.ts';
import { FIRST_IN_RESOURCES } from './coordinator/first-in-resources.ts';
import { makeConnections, type Connections } from './coordinator/connect.ts';
import { initialState, reasonsOut } from './core/durable.ts';
import { isReconciled } from './core/reconcile.ts';
import type { PollResult } from './core/observation.ts';
import type { AgentState, CoreSettings } from './core/state.ts';
import type { OpenDrains } from './drain/open-drains.ts';
import { dryRunHooks, dryRunMetadata } from './dry-run.ts';
import type { Operator } from './http/agent-view.ts';
import { openHooks } from './hooks/open-hooks.ts';
import type { Journal } from './journal/journal.ts';
import { createEventsClient, type EventsClient } from './metadata/events-client.ts';
import type { MetadataAnswer } from './metadata/http.ts';
import { createOperator } from './operator.ts';
import { obey } from './orders.ts';
import { policySettings } from './policy/settings.ts';
import { runPollLoop } from './poll-loop.ts';
import { createShell, type Shell } from './shell.ts';
import { statusOf, type AgentStatus } from './status/status.ts';
import { createSelfWatch, type SelfWatch } from './status/watch-itself.ts';
import type { AgentTools } from './tools.ts';
import type { Witness } from './witness.ts';

/** How often waits of the core are looked at: its shortest are tenths of a second. */
const TICK_MS = 250;

/** An agent that knows its VM. */
export interface RunningAgent {
  state(): AgentState;
  /** For operators. */
  status(): AgentStatus;
  /** What the VM's operator may ask of it. */
  readonly operator: Operator;
  /** Whether the agent itself is well. */
  readonly watch: SelfWatch;
  /** Monotonic time at which the loop last moved. */
  lastTickMs(): number;
  /** Resolves when the agent was told to stop. */
  readonly done: Promise<void>;
}

/** Starts the agent's loops for the VM that `identity` names. */
export async function runOnVm(
  tools: AgentTools,
  vm: {
    readonly identity: VmIdentity;
    /** Where its metadata service is. */
    readonly endpoint: string;
    readonly journal: Journal;
    readonly drains: OpenDrains;
    readonly witness: Witness;
    /** Told every answer of the metadata service to a read. */
    heard(answer: MetadataAnswer): void;
  },
): Promise<RunningAgent> {
  const { settings, clock, log, signal } = tools;
  const { identity } = vm;
  const watch = createSelfWatch(identity.name, clock, log);
  const metadata = createEventsClient(vm.endpoint, signal, (answer) => {
    watch.answered(answer);
    vm.heard(answer);
  });
  const { runHooks, tasks } = openHooks(tools, identity.name);
  const application = { isUp: true };
  const health = (): AgentHealth => healthOf(shell.state(), application.isUp, clock.monotonic());
  const connections = await makeConnections(tools, identity, {
    health,
    connected: () => {
      shell.observe({ kind: 'connected' });
    },
    disconnected: () => {
      shell.observe({ kind: 'disconnected' });
    },
    record: (record) => {
      shell.observe({ kind: 'record', record });
    },
    order: (order) => {
      obey(order, { shell, tasks, link, clock, log });
    },
  });
  const { link } = connections;
  const shell = createShell({
    initial: initialState(
      coreSettings(tools, identity),
      vm.journal.found,
      { wallMs: clock.now(), monotonicMs: clock.monotonic() },
      vm.drains.isContinued,
    ),
    journal: vm.journal,
    metadata: tools.isDryRun ? dryRunMetadata(metadata, log) : metadata,
    drains: vm.drains.drains,
    coordinator: connections.coordinator,
    runHooks: tools.isDryRun ? dryRunHooks(settings, log) : runHooks,
    witness: vm.witness,
    withdrawn: (result) => {
      operator.withdrawn(result);
    },
    isHealthy: () => health().healthy,
    rotationChanged: () => link?.beat(),
    clock,
    log,
    signal,
  });
  const operator = createOperator(shell, clock);
  const tick = { lastMs: clock.monotonic() };
  const done = runLoops(tools, { shell, connections, metadata, watch, application, tick, health });
  return {
    state: () => shell.state(),
    status: () => describe(tools, shell, { watch, application, refusal: link?.refusal() }),
    operator,
    watch,
    lastTickMs: () => tick.lastMs,
    done,
  };
}

/** Everything that goes on until the agent is told to stop. */
async function runLoops(
  tools: AgentTools,
  parts: {
    readonly shell: Shell;
    readonly connections: Connections;
    readonly metadata: EventsClient;
    readonly watch: SelfWatch;
    readonly application: { isUp: boolean };
    readonly tick: { lastMs: number };
    health(): AgentHealth;
  },
): Promise<void> {
  const { shell, connections, watch } = parts;
  const { link } = connections;
  connections.open();
  link?.tell({
    kind: 'activity',
    activity: { kind: 'agent.started', atMs: tools.clock.now(), detail: `version ${tools.agentVersion}` },
  });
  try {
    await Promise.all([
      runTickLoop(tools, shell, { ...parts, tell: () => link?.beat() }),
      runProbeLoop(tools, parts.application),
      pollInto(tools, parts.metadata, (result) => {
        watch.polled(result);
        shell.observe({ kind: 'poll', result });
      }),
    ]);
  } finally {
    connections.close();
  }
}

function describe(
  tools: AgentTools,
  shell: Shell,
  about: {
    readonly watch: SelfWatch;
    readonly application: { readonly isUp: boolean };
    readonly refusal: string | undefined;
  },
): AgentStatus {
  const isSimple = tools.settings.coordinator?.kind === 'first-in-resources';
  const warnings = [
    ...(isSimple ? [FIRST_IN_RESOURCES] : []),
    ...(about.application.isUp ? [] : ['the application does not answer its probe, so the gate answers 503']),
    ...(about.refusal === undefined ? [] : [`the scheduler refuses this VM: ${about.refusal}`]),
    ...about.watch.warnings().map((warning) => warning.detail),
  ];
  return statusOf(shell.state(), tools.clock.monotonic(), { warnings, dryRun: tools.isDryRun });
}

async function pollInto(
  tools: AgentTools,
  metadata: EventsClient,
  observe: (result: PollResult) => void,
): Promise<void> {
  const { settings, clock, random, log, signal } = tools;
  const poll = async (): Promise<PollResult> => await metadata.poll();
  await runPollLoop({ poll, observe, periodMs: settings.metadata.poll, clock, random, log, signal });
}

function coreSettings(tools: AgentTools, identity: VmIdentity): CoreSettings {
  const { settings } = tools;
  return {
    identity: { scope: identity.scope, name: identity.name, vmId: identity.vmId },
    hasCoordinator: settings.scheduler !== undefined || settings.coordinator !== undefined,
    absentForMs: settings.events.absentFor,
    detectionMs: settings.gate?.detection ?? 0,
    drainTimeoutMs: settings.drain.timeout,
    policy: policySettings(settings.policy, identity.role),
  };
}

/** Lets the core's waits end, and tells the scheduler at once when the VM has become healthy or ceased to be. */
async function runTickLoop(
  tools: AgentTools,
  shell: Shell,
  vm: { readonly tick: { lastMs: number }; readonly watch: SelfWatch; health(): AgentHealth; tell(): void },
): Promise<void> {
  let wasHealthy = false;
  while (!tools.signal.aborted) {
    vm.tick.lastMs = tools.clock.monotonic();
    shell.observe({ kind: 'tick' });
    vm.watch.look();
    const { healthy } = vm.health();
    if (healthy !== wasHealthy) vm.tell();
    wasHealthy = healthy;
    await tools.clock.sleep(TICK_MS, tools.signal);
  }
}

/** Keeps `application` true to what the application's own probe says, where the operator set one. */
async function runProbeLoop(tools: AgentTools, application: { isUp: boolean }): Promise<void> {
  const probe = tools.settings.gate?.applicationProbe;
  if (probe === undefined) return;
  while (!tools.signal.aborted) {
    const isUp = await probeApplication(probe);
    if (isUp !== application.isUp) {
      application.isUp = isUp;
      if (isUp) tools.log.info({ probe: probe.url }, 'the application answers its probe again');
      else tools.log.warn({ probe: probe.url }, 'the application does not answer its probe; the gate says so');
    }
    await tools.clock.sleep(tools.settings.metadata.poll, tools.signal);
  }
}

/**
 * What the scheduler is told. Healthy only once the slowest balancer must have noticed that the VM is back: until then it is
 * out for its users, and whoever takes the next VM out must not count on it.
 */
function healthOf(state: AgentState, isApplicationUp: boolean, nowMs: number): AgentHealth {
  const inRotation = state.rotation.state === 'in';
  const isNoticed = inRotation && nowMs - state.rotation.inSinceMs >= state.settings.detectionMs;
  const isPolling = state.lastPoll?.ok ?? false;
  const reasons = [
    ...reasonsOut(state),
    ...(inRotation && !isNoticed ? ['its balancers may not have noticed yet that it is back'] : []),
    ...(isPolling ? [] : ['cannot read events']),
    ...(isApplicationUp ? [] : ['the application does not answer its probe']),
  ];
  return {
    inRotation,
    healthy: isNoticed && isReconciled(state) && isPolling && isApplicationUp,
    // The protocol takes so many and so long ones.
    reasons: reasons.slice(0, 32).map((reason) => reason.slice(0, 500)),
  };
}
