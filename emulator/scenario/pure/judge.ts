import { seconds, type Condition, type EventCondition, type VmCondition } from './steps.ts';

/** An event as far as it can be judged; times are epoch milliseconds. */
export interface SeenEvent {
  readonly resources: readonly string[];
  readonly approvals: readonly { readonly by: string; readonly atMs: number }[];
  readonly startedAtMs: number | undefined;
  readonly goneAtMs: number | undefined;
  readonly isCancelled: boolean;
  /** Its state in the platform's words, for messages. */
  readonly state: string;
}

/** A maintenance as far as it can be judged. */
export interface SeenMaintenance {
  readonly state: 'under-way' | 'completed' | 'cancelled';
  /** When it was first seen to be over. */
  readonly overAtMs: number | undefined;
}

/** A VM has come into rotation, or left it. */
export interface RotationChange {
  readonly vm: string;
  readonly isIn: boolean;
  readonly atMs: number;
}

/** Everything there is to see of a run at one time. */
export interface Observation {
  /** By the name that the scenario gave it. */
  readonly events: ReadonlyMap<string, SeenEvent>;
  /** The same. */
  readonly maintenance: ReadonlyMap<string, SeenMaintenance>;
  /** From the beginning, in the order of time. A VM that never occurs has never been in rotation. */
  readonly rotation: readonly RotationChange[];
  /** VMs (lower case) whose rotation anybody watches. */
  readonly watched: ReadonlySet<string>;
}

export type Verdict =
  /** It is so, since `atMs`. */
  | { readonly kind: 'so'; readonly atMs: number; readonly detail: string }
  /** It may come to be so. */
  | { readonly kind: 'open'; readonly detail: string }
  /** It can never be so any more. */
  | { readonly kind: 'lost'; readonly detail: string };

/** Whether `that` is so, as of what was seen. `now` stands in for a time that is not known more exactly. */
export function judge(that: Condition, seen: Observation, now: number): Verdict {
  if ('vm' in that) return judgeRotation(that, seen, now);
  if ('maintenance' in that) return judgeMaintenance(seen.maintenance.get(that.maintenance), that.maintenance, now);
  const event = seen.events.get(that.event);
  if (event === undefined) return { kind: 'open', detail: `${that.event} is nowhere` };
  return judgeEvent(that, event, { seen, now });
}

function judgeMaintenance(found: SeenMaintenance | undefined, name: string, now: number): Verdict {
  if (found === undefined) return { kind: 'open', detail: `${name} is nowhere` };
  if (found.state === 'completed') return { kind: 'so', atMs: found.overAtMs ?? now, detail: '' };
  return { kind: found.state === 'cancelled' ? 'lost' : 'open', detail: `it is ${found.state}` };
}

function judgeEvent(
  that: EventCondition,
  event: SeenEvent,
  context: { readonly seen: Observation; readonly now: number },
): Verdict {
  switch (that.kind) {
    case 'approved': {
      const first = event.approvals[0];
      if (first !== undefined) return { kind: 'so', atMs: first.atMs, detail: `by ${first.by}` };
      const isTooLate = event.startedAtMs !== undefined || event.goneAtMs !== undefined;
      return { kind: isTooLate ? 'lost' : 'open', detail: `nobody has approved it; it is ${event.state}` };
    }
    case 'started':
      if (event.startedAtMs !== undefined) return { kind: 'so', atMs: event.startedAtMs, detail: '' };
      return { kind: event.isCancelled ? 'lost' : 'open', detail: `it is ${event.state}` };
    case 'gone':
      if (event.goneAtMs !== undefined) return { kind: 'so', atMs: event.goneAtMs, detail: event.state };
      return { kind: 'open', detail: `it is ${event.state}` };
    case 'cancelled':
      if (event.isCancelled) return { kind: 'so', atMs: event.goneAtMs ?? context.now, detail: '' };
      return { kind: event.startedAtMs === undefined ? 'open' : 'lost', detail: `it is ${event.state}` };
    case 'outBeforeStarted':
      return judgeOutBefore(event, context.seen);
    default:
      return that.kind satisfies never;
  }
}

function judgeOutBefore(event: SeenEvent, seen: Observation): Verdict {
  const { startedAtMs } = event;
  if (startedAtMs === undefined) return { kind: 'open', detail: `it is ${event.state}` };
  const unknown = event.resources.filter((vm) => !seen.watched.has(vm.toLowerCase()));
  if (unknown.length > 0) return { kind: 'lost', detail: unwatched(unknown.join(', ')) };
  const left = event.resources.map((vm) => ({ vm, ...rotationAt(seen, vm, startedAtMs) }));
  const late = left.filter((found) => found.isIn);
  if (late.length > 0) {
    return { kind: 'lost', detail: `${late.map((found) => found.vm).join(', ')} still in rotation when it started` };
  }
  const spare = left.map((found) =>
    found.sinceMs === undefined
      ? `${found.vm} was never in`
      : `${found.vm} ${seconds(startedAtMs - found.sinceMs)} before`,
  );
  return { kind: 'so', atMs: startedAtMs, detail: spare.join(', ') };
}

function judgeRotation(that: VmCondition, seen: Observation, now: number): Verdict {
  if (!seen.watched.has(that.vm.toLowerCase())) return { kind: 'lost', detail: unwatched(that.vm) };
  const { isIn, sinceMs } = rotationAt(seen, that.vm, now);
  const isSo = isIn === (that.kind === 'in');
  return isSo
    ? { kind: 'so', atMs: sinceMs ?? now, detail: '' }
    : { kind: 'open', detail: isIn ? 'it is in' : 'it is out' };
}

function rotationAt(
  seen: Observation,
  vm: string,
  atMs: number,
): { readonly isIn: boolean; readonly sinceMs: number | undefined } {
  const last = seen.rotation.findLast((change) => change.vm.toLowerCase() === vm.toLowerCase() && change.atMs <= atMs);
  return { isIn: last?.isIn ?? false, sinceMs: last?.atMs };
}

function unwatched(vm: string): string {
  return `nobody knows whether ${vm} is in rotation: it is behind no public address, and the scenario names no gate of it`;
}
