import { canonicalEventId } from '../../common/agreement/names.ts';
import { backoffMs } from '../../common/runtime/backoff.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import type { AgentState, EventPromise } from '../core/state.ts';
import type { Witness } from '../witness.ts';
import { fillBody, USUAL_BODY, type Message } from './message.ts';
import { PHASES, USUAL_PHASES } from './phases.ts';

/** A dozen lines for each of a few events; whoever cannot be reached for longer gets the newest. */
const MAX_WAITING = 200;

/** Events that are remembered for what is still to be said of them. */
const MAX_KNOWN = 50;

/** A receiver that restarts is back within a minute. */
const RETRY = { baseMs: 1000, maxMs: 60_000 };

/** The longest usual notice: news of an event that is older than this is no news. */
const GIVE_UP_MS = 15 * 60_000;

/** What a receiver answered: `refused` will be refused again, `failed` may go through later. */
export type SendResult = { readonly kind: 'sent' } | { readonly kind: 'refused' | 'failed'; readonly reason: string };

/** One receiver as the settings describe it. */
export interface Receiver {
  /** For the log: the host and no more, because the path may be the secret. */
  readonly name: string;
  readonly phases: readonly string[] | undefined;
  readonly body: unknown;
  send(body: string): Promise<SendResult>;
}

export interface NotificationTools {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Role of this VM, and whether nothing of what is told was done. */
  readonly role: string;
  readonly isDryRun: boolean;
  counted(result: 'sent' | 'failed' | 'dropped'): void;
}

/**
 * Tells receivers what happens to events. It only takes notes while the agent decides; each receiver has a queue of its own
 * that is worked off in order, so that one that hangs holds up neither the others nor anything that matters.
 */
export function notifyReceivers(receivers: readonly Receiver[], tools: NotificationTools): Witness {
  const queues = receivers.map((receiver) => createQueue(receiver, tools));
  // The last word about an event comes when the agent has forgotten it.
  const known = new Map<string, EventPromise>();
  return {
    observed: () => {},
    wanted: (action, state) => {
      if (action.kind !== 'activity') return;
      const phase = PHASES.find((known) => known === action.activity);
      // What is no event's (a job's drain, the start of the agent) is the scheduler's to tell.
      if (phase === undefined || action.eventId === undefined) return;
      const key = canonicalEventId(action.eventId);
      const promise = state.events[key]?.promise ?? known.get(key);
      known.delete(key);
      if (promise !== undefined) known.set(key, promise);
      for (const oldest of [...known.keys()].slice(0, -MAX_KNOWN)) known.delete(oldest);
      const message = describe(phase, { eventId: action.eventId, detail: action.detail, promise }, state, tools);
      for (const queue of queues) queue(message);
    },
  };
}

function describe(
  phase: Message['phase'],
  action: { readonly eventId: string; readonly detail: string; readonly promise: EventPromise | undefined },
  state: AgentState,
  tools: NotificationTools,
): Message {
  const { promise } = action;
  const { scope, name } = state.settings.identity;
  return {
    vm: name,
    scope,
    role: tools.role,
    phase,
    eventId: action.eventId,
    eventType: promise?.eventType ?? 'unknown',
    resources: promise?.resources ?? [],
    notBeforeMs: promise?.notBeforeMs,
    hasStarted: promise?.started === true || promise?.promise === 'released',
    atMs: tools.clock.now(),
    detail: `${tools.isDryRun ? 'dry run: ' : ''}${action.detail}`,
  };
}

function createQueue(receiver: Receiver, tools: NotificationTools): (message: Message) => void {
  const { clock, log, signal } = tools;
  const waiting: Message[] = [];
  const wanted = new Set(receiver.phases ?? USUAL_PHASES);
  let isRunning = false;

  const deliver = async (message: Message): Promise<void> => {
    const body = JSON.stringify(fillBody(receiver.body ?? USUAL_BODY, message));
    const untilMs = clock.monotonic() + GIVE_UP_MS;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const result = await receiver.send(body);
      if (result.kind === 'sent') {
        tools.counted('sent');
        return;
      }
      const about = { receiver: receiver.name, event_id: message.eventId, phase: message.phase, attempt: attempt + 1 };
      if (result.kind === 'refused' || clock.monotonic() >= untilMs) {
        tools.counted('failed');
        log.error({ ...about, reason: result.reason }, 'a notification could not be delivered');
        return;
      }
      if (attempt === 0) log.warn({ ...about, reason: result.reason }, 'a notification is tried again');
      await clock.sleep(backoffMs(attempt, RETRY, tools.random.fraction()), signal);
    }
  };

  const run = async (): Promise<void> => {
    isRunning = true;
    for (let next = waiting.shift(); next !== undefined && !signal.aborted; next = waiting.shift()) await deliver(next);
    isRunning = false;
  };

  return (message) => {
    if (!wanted.has(message.phase)) return;
    waiting.push(message);
    if (waiting.length > MAX_WAITING) {
      waiting.shift();
      tools.counted('dropped');
    }
    // Never rejects: sending does not, and a body of our own making can be written as JSON.
    if (!isRunning) void run();
  };
}
