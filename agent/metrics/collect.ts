import { canonicalName } from '../../common/agreement/names.ts';
import { isReconciled } from '../core/reconcile.ts';
import type { AgentState } from '../core/state.ts';
import { WARNING_KINDS } from '../status/self-watch.ts';
import type { SelfWatch } from '../status/watch-itself.ts';
import type { Instruments } from './instruments.ts';

const EVENT_TYPES = ['Freeze', 'Reboot', 'Redeploy', 'Preempt', 'Terminate'] as const;
const EVENT_STATUSES = ['Scheduled', 'Started'] as const;
const ROTATION_STATES = ['in', 'turning-away', 'out', 'restoring'] as const;

/** Sets the gauges to what is true now; called when somebody asks for them. */
export function collect(instruments: Instruments, state: AgentState, watch: SelfWatch): void {
  const { incarnation, events, drainState, inRotation, ready, reachable, warnings, skew } = instruments;
  if (state.incarnation !== undefined) incarnation.set(state.incarnation);
  for (const type of [...EVENT_TYPES, 'other']) for (const status of EVENT_STATUSES) events.set({ type, status }, 0);
  for (const entry of Object.values(state.events)) {
    if (!entry.isPresent) continue;
    // The platform may invent types; a label takes only what we know.
    const type = EVENT_TYPES.find((known) => known === entry.promise.eventType) ?? 'other';
    const status = EVENT_STATUSES.find((known) => known === entry.status) ?? 'Scheduled';
    events.inc({ type, status });
  }
  for (const one of ROTATION_STATES) drainState.set({ state: one }, state.rotation.state === one ? 1 : 0);
  inRotation.set(state.rotation.state === 'in' ? 1 : 0);
  ready.set(isReconciled(state) ? 1 : 0);
  reachable.set(state.coordinator.isReady ? 1 : 0);
  collectLead(instruments, state);
  const kinds = new Set(watch.warnings().map((warning) => warning.kind));
  for (const kind of WARNING_KINDS) warnings.set({ kind }, kinds.has(kind) ? 1 : 0);
  const skewMs = watch.skewMs();
  if (skewMs !== undefined) skew.set(skewMs / 1000);
}

function collectLead({ leader, leaderTerm }: Instruments, state: AgentState): void {
  const own = canonicalName(state.settings.identity.name);
  const records = Object.values(state.events).flatMap((entry) => entry.record ?? []);
  leader.set(records.some((record) => record.lease?.holder === own && record.phase !== 'ended') ? 1 : 0);
  leaderTerm.set(Math.max(0, ...records.map((record) => record.term)));
}
