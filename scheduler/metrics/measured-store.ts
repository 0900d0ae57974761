import type { Clock } from '../../common/runtime/clock.ts';
import type { AgreementStore, ExecutionStore, JobStore, ReplicaStore, Store } from '../store/store.ts';
import type { Instruments } from './instruments.ts';
import { notedPlan } from './noted-plan.ts';

const OPERATIONS = ['claim', 'end', 'beat', 'write-job', 'write-agreement'] as const;
type Operation = (typeof OPERATIONS)[number];

/** The same store; the operations that jobs and agreements wait for are timed, and what they tell of replicas is counted. */
export function measuredStore(store: Store, instruments: Instruments, clock: Clock): Store {
  const { storeSeconds, storeFailures, claims, postponed, takenOver, lostLeases, replicas } = instruments;
  const seconds = new Map(OPERATIONS.map((operation) => [operation, storeSeconds.labels({ operation })]));
  for (const operation of OPERATIONS) storeFailures.inc({ operation }, 0);
  const timed = async <Result>(operation: Operation, work: () => Promise<Result>): Promise<Result> => {
    const beganMs = clock.monotonic();
    try {
      return await work();
    } catch (error) {
      storeFailures.inc({ operation });
      throw error;
    } finally {
      seconds.get(operation)?.observe((clock.monotonic() - beganMs) / 1000);
    }
  };
  const executions: ExecutionStore = {
    ...store.executions,
    claimDue: async (request) => {
      const { plan, reasons } = notedPlan(request.plan);
      const claimed = await timed('claim', () => store.executions.claimDue({ ...request, plan }));
      claims.inc(claimed.claims.length);
      for (const reason of reasons()) postponed.inc({ reason });
      return claimed;
    },
    finish: async (...args) => await timed('end', () => store.executions.finish(...args)),
  };
  let isFirst = true;
  const replicaStore: ReplicaStore = {
    ...store.replicas,
    beat: async (...args) => {
      const heartbeat = await timed('beat', () => store.replicas.beat(...args));
      takenOver.inc(heartbeat.takenOver);
      replicas.set(heartbeat.live.length);
      if (!heartbeat.wasKnown && !isFirst) lostLeases.inc();
      isFirst = false;
      return heartbeat;
    },
  };
  const jobs: JobStore = {
    ...store.jobs,
    changeJob: async (...args) => await timed('write-job', () => store.jobs.changeJob(...args)),
  };
  const agreements: AgreementStore = {
    ...store.agreements,
    write: async (...args) => await timed('write-agreement', () => store.agreements.write(...args)),
  };
  return { ...store, executions, replicas: replicaStore, jobs, agreements };
}
