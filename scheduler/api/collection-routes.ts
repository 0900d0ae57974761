import type { Express } from 'express';
import { z } from 'zod';
import { COLLECTION_STATES, quotaSchema, SKUS, type CollectionRef, type JobCollection } from '../jobs/job.ts';
import { DOCUMENTED_PLANS, type Plans } from '../jobs/plans.ts';
import { isOtherPlan, isStricter, refusePlan, refuseQuota } from '../jobs/quota.ts';
import { regionName } from '../jobs/region-names.ts';
import { FREQUENCIES } from '../recurrence.ts';
import { mayRead } from './access-guard.ts';
import { anyCase } from './any-case.ts';
import { badRequest, collectionNotFound, conflict } from './api-error.ts';
import { isBeforePremiums } from './api-versions.ts';
import { endpoint } from './endpoint.ts';
import type { ApiParts } from './parts.ts';
import { mergePatch } from './merge-patch.ts';
import { readBody } from './read-body.ts';
import type { CollectionJudge } from '../store/store.ts';
import { collectionView } from './views.ts';

/** Where collections are; Express compares paths without case, as the real service does. */
export const COLLECTIONS =
  '/subscriptions/:subscription/resourceGroups/:resourceGroup/providers/Microsoft.Scheduler/jobCollections';
export const COLLECTION = `${COLLECTIONS}/:collection` as const;

/** Names of collections and jobs. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;

/** A collection without a location is where this scheduler is. */
const DEFAULT_LOCATION = 'local';

/** In 2014 there was one premium plan, with as many jobs as P10 has. */
const planName = anyCase([...SKUS, 'Premium']).transform((name) => (name === 'Premium' ? 'P10Premium' : name));

const bodySchema = z.strictObject({
  id: z.unknown().optional(),
  type: z.unknown().optional(),
  name: z.unknown().optional(),
  location: z.string().min(1).max(100).optional(),
  tags: z.record(z.string(), z.string()).nullish(),
  properties: z
    .strictObject({
      sku: z.looseObject({ name: planName }).nullish(),
      state: anyCase(COLLECTION_STATES).nullish(),
      quota: quotaSchema
        .extend({
          maxRecurrence: z.strictObject({ frequency: anyCase(FREQUENCIES), interval: z.int().positive() }).optional(),
        })
        .nullish(),
    })
    .optional(),
});

export function addCollectionRoutes(app: Express, parts: ApiParts): void {
  const { store } = parts;
  app.get(
    '/subscriptions/:subscription/providers/Microsoft.Scheduler/jobCollections',
    endpoint<{ subscription: string }>(async (request, response) => {
      const found = await store.jobs.listCollections({ subscription: request.params.subscription });
      const visible = found.filter((collection) => mayRead(request, collection));
      response.json({ value: visible.map((one) => collectionView(one, isBeforePremiums(request))), nextLink: null });
    }),
  );
  app.get(
    COLLECTIONS,
    endpoint<{ subscription: string; resourceGroup: string }>(async (request, response) => {
      const found = await store.jobs.listCollections(request.params);
      const visible = found.filter((collection) => mayRead(request, collection));
      response.json({ value: visible.map((one) => collectionView(one, isBeforePremiums(request))), nextLink: null });
    }),
  );
  app.get(
    COLLECTION,
    endpoint<CollectionRef>(async (request, response) => {
      response.json(collectionView(await needCollection(store, request.params), isBeforePremiums(request)));
    }),
  );
  addWriteRoutes(app, parts);
}

function addWriteRoutes(app: Express, { store, clock, engine, plans = DOCUMENTED_PLANS }: ApiParts): void {
  const judge = judgeOf(plans);
  app.put(
    COLLECTION,
    endpoint<CollectionRef>(async (request, response) => {
      const ref = request.params;
      assertName(ref.collection);
      const body = readBody(bodySchema, request.body);
      const stored = await store.jobs.changeCollection(
        ref,
        (current) => {
          const base = { ...ref, ...namesOf(current), createdAtMs: current?.createdAtMs ?? clock.now() };
          return toCollection(base, body, plans);
        },
        judge,
      );
      engine.wake();
      if (stored === undefined) throw collectionNotFound(ref.collection, ref.resourceGroup);
      // The real service answers 201 to updates as well.
      response.status(201).json(collectionView(stored, isBeforePremiums(request)));
    }),
  );
  app.patch(
    COLLECTION,
    endpoint<CollectionRef>(async (request, response) => {
      const ref = request.params;
      const stored = await store.jobs.changeCollection(
        ref,
        (current) => {
          if (current === undefined) throw collectionNotFound(ref.collection, ref.resourceGroup);
          const body = readBody(bodySchema, mergePatch(collectionView(current), request.body));
          return toCollection(current, body, plans);
        },
        judge,
      );
      engine.wake();
      if (stored !== undefined) response.json(collectionView(stored, isBeforePremiums(request)));
    }),
  );
  app.delete(
    COLLECTION,
    endpoint<CollectionRef>(async (request, response) => {
      const ref = request.params;
      if (!(await store.jobs.deleteCollection(ref))) throw collectionNotFound(ref.collection, ref.resourceGroup);
      response.status(200).end();
    }),
  );
  for (const [verb, state] of [
    ['enable', 'Enabled'],
    ['disable', 'Disabled'],
  ] as const) {
    app.post(
      `${COLLECTION}/${verb}`,
      endpoint<CollectionRef>(async (request, response) => {
        const ref = { ...request.params };
        await store.jobs.changeCollection(ref, (current) => {
          if (current === undefined) throw collectionNotFound(ref.collection, ref.resourceGroup);
          return { ...current, state };
        });
        engine.wake();
        response.status(200).end();
      }),
    );
  }
}

/** The collection, or the 404 of the real service's gateway. */
export async function needCollection(store: ApiParts['store'], ref: CollectionRef): Promise<JobCollection> {
  const found = await store.jobs.findCollection(ref);
  if (found === undefined) throw collectionNotFound(ref.collection, ref.resourceGroup);
  return found;
}

export function assertName(name: string): void {
  if (!NAME.test(name)) {
    throw badRequest(
      `The name '${name}' is not valid: expected up to 100 letters, digits, dots, dashes and underscores that begin with a letter or digit.`,
    );
  }
}

/** An id keeps the spelling under which the resource was first written. */
function namesOf(current: JobCollection | undefined): Partial<CollectionRef> {
  if (current === undefined) return {};
  return { subscription: current.subscription, resourceGroup: current.resourceGroup, collection: current.collection };
}

/** Refuses what the plan does not allow beside what the subscription has, and what the jobs that are there do not fit. */
function judgeOf(plans: Plans): CollectionJudge {
  return {
    asksForCounts: isOtherPlan,
    asksForJobs: (current, wanted) => isStricter(current, wanted, plans),
    judge: (current, wanted, beside) => {
      const refusal = refusePlan(current, wanted, beside, plans);
      if (refusal !== undefined) throw conflict(refusal);
    },
  };
}

function toCollection(
  base: CollectionRef & { readonly createdAtMs: number },
  body: z.output<typeof bodySchema>,
  plans: Plans,
): JobCollection {
  const sku = body.properties?.sku?.name ?? 'Standard';
  const quota = body.properties?.quota ?? undefined;
  const refusal = quota === undefined ? undefined : refuseQuota(sku, quota, plans);
  if (refusal !== undefined) throw badRequest(refusal);
  return {
    subscription: base.subscription,
    resourceGroup: base.resourceGroup,
    collection: base.collection,
    createdAtMs: base.createdAtMs,
    location: regionName(body.location ?? DEFAULT_LOCATION),
    tags: body.tags ?? undefined,
    sku,
    quota,
    state: body.properties?.state ?? 'Enabled',
  };
}
