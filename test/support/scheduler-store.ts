import { onTestFinished } from 'vitest';
import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import { systemRandom } from '../../common/runtime/random.ts';
import type { JobDefinition } from '../../scheduler/jobs/definition.ts';
import { writeJob, type Execution, type Job, type JobCollection, type JobRef } from '../../scheduler/jobs/job.ts';
import { openSqliteStore } from '../../scheduler/store/sqlite.ts';
import type { Store } from '../../scheduler/store/store.ts';

export const JOB: JobRef = { subscription: 'Sub', resourceGroup: 'Group', collection: 'Shop', job: 'Nightly' };

export const COLLECTION: JobCollection = {
  subscription: 'Sub',
  resourceGroup: 'Group',
  collection: 'Shop',
  location: 'local',
  tags: undefined,
  sku: 'Standard',
  quota: undefined,
  state: 'Enabled',
  createdAtMs: 1000,
};

export const HTTP_JOB: JobDefinition = {
  action: { type: 'Http', request: { uri: 'http://127.0.0.1:1/', method: 'GET' }, retryPolicy: { retryType: 'none' } },
};

/** A store in memory that is closed when the running test is over. */
export async function memoryStore(clock: Clock = systemClock): Promise<Store> {
  const store = await openSqliteStore(':memory:', {
    clock,
    random: systemRandom,
    // A stepped clock waits for promises, not for turns of the event loop.
    gather: async () => {},
  });
  onTestFinished(async () => {
    await store.close();
  });
  return store;
}

/** Puts a job (and its collection) into the store, written at `now`. */
export async function givenJob(
  store: Store,
  now: number,
  change: { readonly ref?: Partial<JobRef>; readonly definition?: JobDefinition } = {},
): Promise<Job> {
  const ref = { ...JOB, ...change.ref };
  await store.jobs.changeCollection(ref, (current) => current ?? { ...COLLECTION, collection: ref.collection });
  const job = await store.jobs.changeJob(ref, (current) =>
    writeJob(current, { ref, definition: change.definition ?? HTTP_JOB, state: undefined }, now, `id-${ref.job}`),
  );
  if (job === undefined) throw new Error('the job was not stored');
  return job;
}

/** An execution of a job, as the engine makes it. */
export function execution(job: Job, change: Partial<Execution> = {}): Execution {
  return {
    id: 'e1',
    jobId: job.id,
    dueMs: 1000,
    repeat: 1,
    retry: 0,
    attempt: 1,
    status: 'running',
    runAtMs: 1000,
    startedAtMs: 1000,
    endedAtMs: undefined,
    message: '',
    key: 'k1',
    action: 'main',
    reason: undefined,
    byHand: false,
    ...change,
  };
}
