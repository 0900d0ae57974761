import type { Clock } from '../common/runtime/clock.ts';
import { describeError } from '../common/runtime/errors.ts';
import type { Log } from '../common/runtime/log.ts';
import type { Coordinator } from './coordinator/coordinator.ts';
import type { Action, HookSubject } from './core/action.ts';
import type { HookPhase } from './core/hook-phase.ts';
import type { Observation } from './core/observation.ts';
import { readAll, restoreAll, startAll } from './drain/all-drains.ts';
import type { Drain } from './drain/drain.ts';
import type { HookOutcome } from './hooks/hooks.ts';
import type { Journal } from './journal/journal.ts';
import type { EventsClient } from './metadata/events-client.ts';
import { createSerial } from './serial.ts';

/** Pause before each look at the traffic that is left: two looks in a row must not see the same instant. */
const READ_PAUSE_MS = 200;

/** What the core's actions are performed with. */
export interface PerformParts {
  readonly journal: Pick<Journal, 'append'>;
  readonly metadata: Pick<EventsClient, 'readFresh' | 'approve'>;
  readonly drains: readonly Drain[];
  readonly coordinator: Coordinator | undefined;
  runHooks(phase: HookPhase, subject: HookSubject): Promise<HookOutcome>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Actions that are answered by an observation. */
export type AnsweredAction = Exclude<
  Action,
  { kind: 'activity' | 'log' | 'reply.drained' | 'reply.restored' | 'reply.withdrawn' } | { kind: 'persist' }
>;

/**
 * Performs one action and resolves with what came of it. Balancers are changed one call at a time, and so are the hooks that
 * change the application; hooks that only tell somebody must not keep those waiting.
 */
export function createPerformer(parts: PerformParts): (action: AnsweredAction) => Promise<Observation> {
  const { coordinator } = parts;
  const drainsInOrder = createSerial();
  const gatesInOrder = createSerial();
  const noticesInOrder = createSerial();
  return async (action) => {
    switch (action.kind) {
      case 'reconcile': {
        const records = await coordinator?.reconcile();
        return records === undefined
          ? { kind: 'unanswered', id: action.id }
          : { kind: 'records', id: action.id, records };
      }
      case 'submit': {
        const answer = await coordinator?.submit(action.command);
        return answer === undefined
          ? { kind: 'unanswered', id: action.id }
          : { kind: 'answer', id: action.id, ...answer };
      }
      case 'ask-leave': {
        const answer = await coordinator?.mayLeave(action.minimum);
        return { kind: 'leave', id: action.id, granted: answer?.granted, detail: answer?.detail ?? '' };
      }
      case 'read-fresh':
        return { kind: 'read', token: action.token, result: await parts.metadata.readFresh() };
      case 'post':
        return { kind: 'posted', token: action.token, ...(await parts.metadata.approve(action.eventId)) };
      case 'drain.start':
        return { kind: 'turned-away', ...(await drainsInOrder(async () => await startAll(parts.drains))) };
      case 'drain.read': {
        await parts.clock.sleep(READ_PAUSE_MS, parts.signal);
        const { ok, detail } = await drainsInOrder(async () => await readAll(parts.drains));
        return { kind: 'drain-read', token: action.token, clear: ok, detail };
      }
      case 'drain.restore':
        return { kind: 'back-in', ...(await drainsInOrder(async () => await restoreAll(parts.drains))) };
      case 'hook': {
        const isGate = action.phase === 'prepare' || action.phase === 'ready' || action.phase === 'restored';
        const inOrder = isGate ? gatesInOrder : noticesInOrder;
        const outcome = await inOrder(async () => await parts.runHooks(action.phase, action.subject));
        return { kind: 'hook', key: action.key, phase: action.phase, ...outcome };
      }
      default:
        return action satisfies never;
    }
  };
}

/** Appends to the journal; a disk that fails is said once, and once when it works again. */
export function createPersister(
  journal: Pick<Journal, 'append'>,
  log: Log,
): (action: Extract<Action, { kind: 'persist' }>) => Promise<Observation> {
  let isBroken = false;
  return async ({ revision, durable }) => {
    try {
      await journal.append(durable);
      if (isBroken) log.info({}, 'the journal can be written again');
      isBroken = false;
      return { kind: 'persisted', revision };
    } catch (error) {
      const reason = describeError(error);
      // No promise can be made now: the VM leaves rotation for events all the same, and nothing is approved.
      if (!isBroken) log.error({ reason }, 'the journal cannot be written; no event can be approved');
      isBroken = true;
      return { kind: 'persist-failed', revision, reason };
    }
  };
}
