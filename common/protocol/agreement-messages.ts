import { z } from 'zod';
import { AGREEMENT_PHASES, PROMISE_STATES, type AgreementRecord } from '../agreement/record.ts';
import { REFUSALS, type AgreementCommand, type ForceCommand, type Outcome } from '../agreement/command.ts';

/** The commands and records of an agreement as they travel. The meaning is in `common/agreement/record.ts`. */

/** Longest reason of an operator's, in characters: a sentence or two, for those who read it later. */
export const MAX_REASON = 500;

const name = z.string().min(1).max(256);
const names = z.array(name).max(1000);
const hash = z.string().min(1).max(64);
const number = z.int().nonnegative();
const addressed = { scope: name, eventId: name };
const leader = { holder: name, term: number };

/** What an agent may send. `force` is missing: it is an operator's, and has a way of its own. */
export const commandSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('report'),
    ...addressed,
    name,
    vmId: name,
    number,
    eventType: name,
    resources: names,
    promise: z.enum(['binding', 'prepared', 'consented', 'released']),
    deadlineReached: z.boolean(),
    localIntent: z.boolean(),
    stepsBack: z.boolean().optional(),
    incarnation: number.optional(),
    notBeforeMs: z.number().optional(),
  }),
  z.strictObject({ kind: z.literal('campaign'), ...addressed, holder: name }),
  z.strictObject({ kind: z.literal('intend'), ...addressed, ...leader, hash }),
  z.strictObject({ kind: z.literal('approve'), ...addressed, ...leader }),
  z.strictObject({ kind: z.literal('reopen'), ...addressed, ...leader, eventType: name, resources: names }),
  z.strictObject({ kind: z.literal('end'), ...addressed, ...leader }),
  z.strictObject({ kind: z.literal('withdraw'), ...addressed, name, vmId: name, number }),
]) satisfies z.ZodType<Exclude<AgreementCommand, ForceCommand>>;

export const outcomeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('accepted') }),
  z.strictObject({ kind: z.literal('refused'), reason: z.enum(REFUSALS) }),
]) satisfies z.ZodType<Outcome>;

/** Keys without a value are absent in JSON; the record has them as undefined. */
export const recordSchema = z
  .strictObject({
    ...addressed,
    eventType: name,
    phase: z.enum(AGREEMENT_PHASES),
    hash,
    resources: names,
    intent: z.strictObject({ by: name, term: number, atMs: z.number() }).optional(),
    everIntent: z.boolean(),
    lease: z.strictObject({ holder: name, expiresAtMs: z.number(), sinceMs: z.number().optional() }).optional(),
    term: number,
    members: z.record(
      name,
      z.strictObject({
        vmId: name,
        number,
        hash,
        promise: z.enum(PROMISE_STATES),
        deadlineReached: z.boolean(),
        incarnation: number.optional(),
      }),
    ),
    notBeforeMs: z.number().optional(),
    forced: z.strictObject({ hash, by: name, reason: z.string().max(MAX_REASON), atMs: z.number() }).optional(),
  })
  .transform((record): AgreementRecord => ({ ...record, intent: record.intent, lease: record.lease }));
