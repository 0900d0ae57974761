import { z } from 'zod';
import { durationSchema } from '../../common/runtime/duration.ts';
import type { DailyWindow } from '../core/daily-window.ts';
import { PLAIN_POLICY, type Decision, type PolicyMatch, type PolicyRule, type PolicySettings } from '../core/policy.ts';

/** More rules than this are a program, and would be tried at every change of an event. */
const MAX_RULES = 100;

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;

const text = z.string().min(1, { error: 'expected some text, got ""' }).max(200);
const texts = z.array(text).min(1).max(50);

const timeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'expected a time of day like "22:00"' })
  .transform((value) => Number(value.slice(0, 2)) * 60 + Number(value.slice(3)));

const zone = z.string().refine(isZone, {
  error: (issue) => `expected a time zone like "Europe/Berlin" or "UTC", got ${JSON.stringify(issue.input)}`,
});

const window = z
  .strictObject({
    from: timeOfDay,
    to: timeOfDay,
    zone: zone.default('UTC'),
    days: z.array(z.enum(WEEKDAYS)).optional(),
  })
  .transform((value): DailyWindow => ({
    fromMinute: value.from,
    toMinute: value.to,
    zone: value.zone,
    weekdays: value.days?.map((day) => WEEKDAYS.indexOf(day) + 1),
  }));

const description = text.refine((value) => !isPattern(value) || isRegularExpression(value.slice(1, -1)), {
  error: (issue) => `expected a text, or a regular expression between slashes, got ${JSON.stringify(issue.input)}`,
});

const ruleSchema = z.strictObject({
  name: text,
  match: z
    .strictObject({
      types: texts.optional(),
      sources: texts.optional(),
      duration: z.strictObject({ atLeast: durationSchema.optional(), atMost: durationSchema.optional() }).optional(),
      description: description.optional(),
      roles: texts.optional(),
      seenWithin: window.optional(),
    })
    .prefault({}),
  decide: z.strictObject({
    do: z.enum(['drain', 'consent', 'notify']).optional(),
    when: z.union([z.enum(['at-once', 'late']), window]).optional(),
    approve: z.enum(['when-ready', 'never']).optional(),
    onFailure: z.enum(['hold', 'approve']).optional(),
    restore: z.union([z.literal('when-gone'), z.strictObject({ afterImpact: durationSchema })]).optional(),
  }),
});

/** The section `policy` of the agent's settings: what is done about which events, tried in order, the first match counts. */
export const policySchema = z
  .strictObject({
    rules: z.array(ruleSchema).max(MAX_RULES).default([]),
    minimumInService: z.int().min(0).max(10_000).default(0),
    patience: durationSchema.default(PLAIN_POLICY.patienceMs),
    budget: z
      .strictObject({
        hooks: durationSchema.default(PLAIN_POLICY.hooksMs),
        agreement: durationSchema.default(PLAIN_POLICY.agreementMs),
      })
      .prefault({}),
  })
  .prefault({});

export type PolicySection = z.output<typeof policySchema>;

/** The section as the core takes it, for a VM of this role. */
export function policySettings(section: PolicySection, role: string): PolicySettings {
  return {
    role,
    rules: section.rules.map(toRule),
    hooksMs: section.budget.hooks,
    agreementMs: section.budget.agreement,
    patienceMs: section.patience,
    minimumInService: section.minimumInService,
  };
}

function toRule({ name, match, decide }: z.output<typeof ruleSchema>): PolicyRule {
  const { types, sources, roles, seenWithin, duration } = match;
  const found = match.description;
  return {
    name,
    match: given<PolicyMatch>({
      types,
      sources,
      roles,
      seenWithin,
      durationAtLeast: duration?.atLeast === undefined ? undefined : duration.atLeast / 1000,
      durationAtMost: duration?.atMost === undefined ? undefined : duration.atMost / 1000,
      descriptionContains: found === undefined || isPattern(found) ? undefined : found,
      descriptionMatches: found !== undefined && isPattern(found) ? found.slice(1, -1) : undefined,
    }),
    decision: given<Omit<Decision, 'rule'>>({
      consequence: decide.do,
      when: decide.when,
      approve: decide.approve,
      onFailure: decide.onFailure,
      restoreAfterMs: typeof decide.restore === 'object' ? decide.restore.afterImpact : undefined,
    }),
  };
}

/** Only what was said: what was not is decided elsewhere. */
function given<Part extends object>(part: { readonly [Key in keyof Part]?: Part[Key] | undefined }): Partial<Part> {
  const result: Partial<Part> = {};
  for (const key in part) if (part[key] !== undefined) result[key] = part[key];
  return result;
}

function isPattern(value: string): boolean {
  return value.length > 2 && value.startsWith('/') && value.endsWith('/');
}

function isRegularExpression(source: string): boolean {
  try {
    return new RegExp(source, 'iu').source !== '';
  } catch {
    return false;
  }
}

function isZone(value: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: value }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
