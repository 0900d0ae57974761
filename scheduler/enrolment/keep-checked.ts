import { HEARTBEAT_MS } from '../../common/protocol/messages.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { AgentKey } from './admission.ts';
import type { EnrolmentStore } from './enrolment-store.ts';

/** Looks back over this much more than the time since the last look: the clocks of replicas may differ a little. */
const OVERLAP_MS = 5000;

/**
 * Holds live connections to the keys as they are kept, every heartbeat: another replica may have revoked one. The returned
 * function ends that.
 */
export function keepChecked(parts: {
  readonly store: Pick<EnrolmentStore, 'changedSince'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly holdTo: (key: AgentKey) => void;
}): () => Promise<void> {
  const { store, clock, log, holdTo } = parts;
  let cancel = (): void => {};
  let work = Promise.resolve();
  let sinceMs = clock.now();
  const look = async (): Promise<void> => {
    const lookedAtMs = clock.now();
    try {
      for (const key of await store.changedSince(sinceMs - OVERLAP_MS)) holdTo(key);
      sinceMs = lookedAtMs;
    } catch (error) {
      log.warn({ err: describeError(error) }, 'the keys of agents could not be checked');
    }
    later();
  };
  const later = (): void => {
    cancel = clock.after(HEARTBEAT_MS, () => {
      work = look();
    });
  };
  later();
  return async () => {
    cancel();
    await work;
    cancel();
  };
}
