import { z } from 'zod';

/** What the commands read in the answers of the control API. More keys may come: these are for people, `--json` prints all. */
export const eventViewSchema = z.looseObject({
  eventId: z.string(),
  type: z.string(),
  resources: z.array(z.string()),
  state: z.string(),
  notBefore: z.string().nullable(),
  noticeLeftMs: z.number().nullable(),
  approvals: z.array(z.object({ by: z.string(), at: z.string() })),
  startedAt: z.string().nullable(),
  goneAt: z.string().nullable(),
});
export type EventAnswer = z.output<typeof eventViewSchema>;

export const eventsSchema = z.looseObject({ events: z.array(eventViewSchema) });

export const fleetAnswerSchema = z.looseObject({
  publicAddress: z.string().nullable(),
  vms: z.array(
    z.looseObject({
      name: z.string(),
      scope: z.string(),
      updateDomain: z.number(),
      faultDomain: z.number(),
      metadata: z.string(),
      ports: z.record(z.string(), z.number()),
      isGone: z.boolean(),
      isServing: z.boolean().nullable(),
      connections: z.number().nullable(),
    }),
  ),
});

export const faultAnswerSchema = z.looseObject({
  kind: z.string(),
  vm: z.string().optional(),
  byMs: z.number().optional(),
  untilMs: z.number().optional(),
});
export const faultsSchema = z.looseObject({ faults: z.array(faultAnswerSchema) });

export const activitySchema = z.looseObject({
  at: z.string(),
  kind: z.string(),
  eventId: z.string().optional(),
  vm: z.string().optional(),
  detail: z.string(),
});

/** Answers without a body. */
export const nothingSchema = z.unknown();
