import type { Express } from 'express';
import { z } from 'zod';
import { canonicalEventId } from '../../common/agreement/names.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import { MAX_REASON } from '../../common/protocol/agreement-messages.ts';
import { describeAwaited } from '../coordination/describe.ts';
import { explain, type ExplainParts } from '../coordination/explain.ts';
import type { StoredRecord } from '../store/store.ts';
import { vmKey } from '../vm-key.ts';
import { LOCAL, type Principal } from '../access/access.ts';
import { principalOf } from './access-guard.ts';
import { ApiError, conflict } from './api-error.ts';
import { endpoint } from './endpoint.ts';
import type { ApiParts } from './parts.ts';
import { readBody } from './read-body.ts';

/** Newest records that one answer lists. */
const MAX_LISTED = 200;

/** Among how many of the newest records an event is looked for: as many as an agent is sent at most. */
const MAX_SEARCHED = 1000;

const text = z.string().trim().min(1, { error: 'expected some text' });

const MAX_NAME = 256;
const shortName = text.max(MAX_NAME, { error: `expected at most ${MAX_NAME} characters` });

/** `force` must be said: nobody approves an event for VMs that have not promised by leaving something out. */
const approveSchema = z.strictObject({
  force: z.literal(true),
  reason: text.max(MAX_REASON, { error: `expected at most ${MAX_REASON} characters` }),
  /** Who says so, where the scheduler asks nobody who they are. */
  by: shortName.optional(),
  scope: shortName.optional(),
});

/** The events that VMs agree on, and an operator's word about one. Times are epoch milliseconds. */
export function addEventRoutes(app: Express, parts: ApiParts): void {
  const { store, registry } = parts;
  app.get(
    '/forewarn/v1/events',
    endpoint(async (_request, response) => {
      const records = await store.agreements.list(MAX_LISTED);
      await registry.catchUp();
      response.json({ value: records.map((stored) => eventView(parts, stored)) });
    }),
  );
  app.get(
    '/forewarn/v1/events/:id',
    endpoint<{ id: string }>(async (request, response) => {
      const { scope } = request.query;
      const stored = await findEvent(parts, request.params.id, typeof scope === 'string' ? scope : undefined);
      response.json(eventView(parts, stored));
    }),
  );
  app.post(
    '/forewarn/v1/events/:id/approve',
    endpoint<{ id: string }>(async (request, response) => {
      const { by, reason, scope } = readBody(approveSchema, request.body);
      const { record } = await findEvent(parts, request.params.id, scope);
      const forced = await parts.force(record, { by: speakerOf(principalOf(request), by), reason });
      if (forced.outcome.kind === 'refused') throw conflict(describeRefusal(parts, forced.record ?? record));
      response.json(eventView(parts, await findEvent(parts, record.eventId, record.scope)));
    }),
  );
}

/** Whoever has shown a token is that one, whatever the body says. */
function speakerOf(principal: Principal, by: string | undefined): string {
  return principal === LOCAL ? (by ?? LOCAL.name) : principal.name;
}

/** Event ids are unique wherever they come from one platform; two scopes that share one must be told apart. */
async function findEvent(parts: ApiParts, id: string, scope: string | undefined): Promise<StoredRecord> {
  const wanted = canonicalEventId(id);
  const records = await parts.store.agreements.list(MAX_SEARCHED, scope);
  const found = records.filter(({ record }) => record.eventId === wanted);
  const [stored] = found;
  if (stored === undefined) {
    const where = scope === undefined ? '' : ` of scope '${scope}'`;
    throw new ApiError(404, 'NotFound', `Event '${id}'${where} cannot be found: no agent has reported it.`);
  }
  await parts.registry.catchUp();
  if (found.length > 1) {
    const scopes = found.map(({ record }) => `'${record.scope}'`).join(', ');
    throw conflict(`Event '${id}' is in several scopes (${scopes}): say in which, with 'scope'.`);
  }
  return stored;
}

function describeRefusal(parts: ApiParts, record: AgreementRecord): string {
  return `Event '${record.eventId}' is ${record.phase} and cannot be forced. ${explain(record, explaining(parts, record))}`;
}

function explaining(parts: ApiParts, record: AgreementRecord): ExplainParts {
  const { clock, unmanaged, nameOf, registry } = parts;
  return {
    now: clock.now(),
    unmanaged,
    name: (canonical) => nameOf(record, canonical),
    isConnected: (canonical) => registry.find(vmKey(record.scope, canonical)) !== undefined,
  };
}

function eventView(parts: ApiParts, { record, updatedAtMs }: StoredRecord): Record<string, unknown> {
  const about = explaining(parts, record);
  const { name, now } = about;
  const isOpen = record.phase === 'preparing' || record.phase === 'intent';
  const { notBeforeMs, lease, forced } = record;
  return {
    scope: record.scope,
    eventId: record.eventId,
    eventType: record.eventType,
    phase: record.phase,
    notBefore: notBeforeMs ?? null,
    noticeLeftSeconds:
      isOpen && notBeforeMs !== undefined ? Math.max(0, Math.round((notBeforeMs - now) / 100) / 10) : null,
    leader: lease === undefined ? null : name(lease.holder),
    leaderSince: lease?.sinceMs ?? null,
    leaseExpiresAt: lease?.expiresAtMs ?? null,
    term: record.term,
    intent: record.intent === undefined ? null : { ...record.intent, by: name(record.intent.by) },
    everIntent: record.everIntent,
    forced:
      forced === undefined
        ? null
        : { by: forced.by, reason: forced.reason, at: forced.atMs, holds: forced.hash === record.hash },
    vms: promisesOf(about, record),
    awaited: describeAwaited(record, about),
    why: explain(record, about),
    updatedAt: updatedAtMs,
  };
}

/** Every VM that is named or has reported; one that never has is `unknown`. */
function promisesOf({ name, isConnected }: ExplainParts, record: AgreementRecord): readonly Record<string, unknown>[] {
  const all = new Set([...record.resources, ...Object.keys(record.members)]);
  return [...all].map((canonical) => {
    const entry = record.members[canonical];
    return {
      name: name(canonical),
      named: record.resources.includes(canonical),
      promise: entry?.promise ?? 'unknown',
      deadlineReached: entry?.deadlineReached ?? false,
      connected: isConnected(canonical),
    };
  });
}
