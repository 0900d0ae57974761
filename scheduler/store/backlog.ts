import { sql } from 'kysely';
import type { SqlStore } from './sql.ts';
import type { Backlog } from './store.ts';

/** Counts what is not over. Every part of it is found by an index that holds nothing else, however much is stored beside. */
export async function readBacklog({ db, clock }: SqlStore): Promise<Backlog> {
  const nowMs = clock.now();
  const { rows } = await sql<{ jobs_due: number; waiting: number; due: number; queued: number; running: number }>`
    select
      (select count(*) from jobs inner join collections on collections.key = jobs.collection_key
        where jobs.next_at is not null and jobs.next_at <= ${nowMs} and collections.state = 'Enabled') as jobs_due,
      (select count(*) from executions where ended_at is null and status = 'pending' and run_at > ${nowMs}) as waiting,
      (select count(*) from executions where ended_at is null and status = 'pending' and run_at <= ${nowMs}) as due,
      (select count(*) from executions where ended_at is null and status = 'queued') as queued,
      (select count(*) from executions where ended_at is null and status = 'running') as running
  `.execute(db);
  const [found] = rows;
  if (found === undefined) throw new Error('the store did not count');
  const { jobs_due: jobsDue, waiting, due, queued, running } = found;
  return { jobsDue, waiting, due, queued, running };
}
