import type { Express, Response } from 'express';
import { withCertificatesRead } from '../actions/authentication/read-certificates.ts';
import { JOB_STATES } from '../jobs/definition.ts';
import { writeJob, type Job, type CollectionRef, type JobCollection, type JobRef } from '../jobs/job.ts';
import { refuseJob } from '../jobs/quota.ts';
import { badRequest, collectionNotFound, conflict, jobNotFound } from './api-error.ts';
import { assertCalendarsKnown } from './blackouts.ts';
import { endpoint } from './endpoint.ts';
import type { ApiParts } from './parts.ts';
import { assertName, COLLECTION, needCollection } from './collection-routes.ts';
import { mergePatch } from './merge-patch.ts';
import { nextLinkOf, readPage } from './page.ts';
import { parseJob, type WantedJob } from './parse-job.ts';
import { historyView, jobView } from './views.ts';

const JOB = `${COLLECTION}/jobs/:job` as const;

export function addJobRoutes(app: Express, parts: ApiParts): void {
  const { store, engine } = parts;
  app.get(
    `${COLLECTION}/jobs`,
    endpoint<CollectionRef>(async (request, response) => {
      const ref = { ...request.params };
      await needCollection(store, ref);
      const page = readPage(request, ['state'], JOB_STATES);
      const { top, skip } = page;
      const state = JOB_STATES.find((one) => one === page.filter);
      // One more than asked for, to know whether there is more.
      const found = await store.jobs.listJobs(ref, { top: top + 1, skip, state });
      response.json({
        value: found.slice(0, top).map(jobView),
        nextLink: nextLinkOf(request, page, found.length > top),
      });
    }),
  );
  app.get(
    JOB,
    endpoint<JobRef>(async (request, response) => {
      response.json(jobView(await needJob(parts, request.params)));
    }),
  );
  app.put(
    JOB,
    endpoint<JobRef>(async (request, response) => {
      await putJob(parts, request.params, request.body, response);
    }),
  );
  // Of the service before the resource manager ("GET, PUT, POST, PATCH, and DELETE support"): the name is the server's.
  app.post(
    `${COLLECTION}/jobs`,
    endpoint<CollectionRef>(async (request, response) => {
      await putJob(parts, { ...request.params, job: parts.random.uuid() }, request.body, response);
    }),
  );
  app.patch(
    JOB,
    endpoint<JobRef>(async (request, response) => {
      const ref = request.params;
      await needCollection(store, ref);
      const patch = await withCertificatesRead(request.body);
      const stored = await store.jobs.changeJob(ref, (current, siblings, collection) => {
        if (current === undefined) throw jobNotFound(ref.job);
        assertOpen(current);
        const wanted = parseJob(mergePatch(jobView(current), patch), parts.clock.now());
        return change(parts, { ref, collection, current, siblings }, wanted);
      });
      engine.wake();
      if (stored !== undefined) response.json(jobView(stored));
    }),
  );
  app.delete(
    JOB,
    endpoint<JobRef>(async (request, response) => {
      await needCollection(store, request.params);
      if (!(await store.jobs.deleteJob(request.params))) throw jobNotFound(request.params.job);
      response.status(200).end();
    }),
  );
  addExecutionRoutes(app, parts);
}

function addExecutionRoutes(app: Express, parts: ApiParts): void {
  const { store, engine } = parts;
  app.post(
    `${JOB}/run`,
    endpoint<JobRef>(async (request, response) => {
      const job = await needJob(parts, request.params);
      await engine.runNow(job).catch(async (error: unknown) => {
        // It may have been deleted in this moment.
        throw (await store.jobs.findJob(request.params))?.id === job.id ? error : jobNotFound(request.params.job);
      });
      response.status(200).end();
    }),
  );
  app.get(
    `${JOB}/history`,
    endpoint<JobRef>(async (request, response) => {
      const job = await needJob(parts, request.params);
      const page = readPage(request, ['status', 'state'], ['completed', 'failed', 'postponed']);
      const { top, skip, filter } = page;
      const status = filter === 'completed' || filter === 'failed' || filter === 'postponed' ? filter : undefined;
      // One more than asked for, to know whether there is more.
      const entries = await store.executions.history(job.id, { top: top + 1, skip, status });
      response.json({
        value: entries.slice(0, top).map((entry) => historyView(job, entry)),
        nextLink: nextLinkOf(request, page, entries.length > top),
      });
    }),
  );
}

async function putJob(parts: ApiParts, ref: JobRef, body: unknown, response: Response): Promise<void> {
  const { store, engine } = parts;
  await needCollection(store, ref);
  assertName(ref.job);
  const wanted = parseJob(await withCertificatesRead(body), parts.clock.now());
  let isNew = false;
  const stored = await store.jobs.changeJob(ref, (current, siblings, collection) => {
    isNew = current === undefined;
    return change(parts, { ref, collection, current, siblings }, { ...wanted, state: wanted.state ?? 'enabled' });
  });
  engine.wake();
  if (stored !== undefined) response.status(isNew ? 201 : 200).json(jobView(stored));
}

async function needJob({ store }: ApiParts, ref: JobRef): Promise<Job> {
  await needCollection(store, ref);
  const found = await store.jobs.findJob(ref);
  if (found === undefined) throw jobNotFound(ref.job);
  return found;
}

/** Called inside the store's transaction; what it throws reaches the client and nothing is written. */
function change(
  { clock, random, calendars, plans }: ApiParts,
  from: {
    readonly ref: JobRef;
    /** As it is in this transaction: it may have been changed, or deleted, since the request came. */
    readonly collection: JobCollection | undefined;
    readonly current: Job | undefined;
    readonly siblings: number;
  },
  wanted: WantedJob,
): Job {
  const { collection, current } = from;
  if (collection === undefined) throw collectionNotFound(from.ref.collection, from.ref.resourceGroup);
  if (current !== undefined) assertOpen(current);
  assertCalendarsKnown(wanted.definition, calendars);
  const refusal = refuseJob(collection, wanted.definition, from.siblings, plans);
  if (refusal !== undefined) throw conflict(refusal);
  const ref: JobRef = {
    subscription: collection.subscription,
    resourceGroup: collection.resourceGroup,
    collection: collection.collection,
    job: current?.job ?? from.ref.job,
  };
  const job = writeJob(current, { ref, ...wanted, calendars }, clock.now(), random.uuid());
  if (current === undefined && job.state === 'enabled' && job.nextAtMs === undefined) {
    throw badRequest("The field 'properties.recurrence' is not valid: it ends before its first occurrence.");
  }
  return job;
}

/** Completed and faulted are final: such a job can only be deleted (Azure Scheduler, "state"). */
function assertOpen(job: Job): void {
  if (job.state === 'completed' || job.state === 'faulted') {
    throw conflict(`Job '${job.job}' is ${job.state}, which is final; delete it to write it anew.`);
  }
}
