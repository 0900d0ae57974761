import { z } from 'zod';
import { durationSchema } from '../../common/runtime/duration.ts';
import { parseSignedDurationOrUndefined } from '../fault-span.ts';
import { FAULT_KINDS } from '../faults.ts';
import { EVENT_SOURCES, EVENT_TYPES } from '../platform/state.ts';
import { EVENT_CONDITIONS, MAINTENANCE_CONDITIONS, VM_CONDITIONS, type Condition, type Step } from './pure/steps.ts';
import { nameSchema, platformStepShape } from './platform-steps.ts';
import { checkNames } from './step-names.ts';

/** More steps than any story has that a person can follow. */
const MAX_STEPS = 1000;

const scheduleSchema = z
  .strictObject({
    as: nameSchema,
    type: z.enum(EVENT_TYPES),
    vms: z.array(nameSchema).min(1),
    notice: durationSchema.optional(),
    durationSeconds: z.int().min(-1).max(86_400).optional(),
    description: z.string().optional(),
    source: z.enum(EVENT_SOURCES).optional(),
    entry: z.enum(['announced', 'approved-by-policy', 'failure']).default('announced'),
  })
  .transform(({ notice, ...event }): Step => ({
    kind: 'schedule',
    as: event.as,
    type: event.type,
    vms: event.vms,
    noticeMs: notice,
    durationSeconds: event.durationSeconds,
    description: event.description,
    source: event.source,
    entry: event.entry,
  }));

/** Of `clock-skew`, which may set the clock back. */
const signedDurationSchema = z.string().transform((text, context) => {
  const ms = parseSignedDurationOrUndefined(text);
  if (ms !== undefined) return ms;
  const message = `expected a duration like "20s" or "-20s", got ${JSON.stringify(text)}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const faultSchema = z
  .strictObject({
    kind: z.enum(FAULT_KINDS),
    vm: nameSchema.optional(),
    for: durationSchema.optional(),
    latency: durationSchema.optional(),
    by: signedDurationSchema.optional(),
  })
  .transform((fault): Step => ({
    kind: 'fault',
    fault: { kind: fault.kind, vm: fault.vm, forMs: fault.for, latencyMs: fault.latency, byMs: fault.by },
  }));

/** One key that says what is expected, with the name of an event, a maintenance or a VM. */
const conditionShape = {
  approved: nameSchema.optional(),
  started: nameSchema.optional(),
  gone: nameSchema.optional(),
  cancelled: nameSchema.optional(),
  outBeforeStarted: nameSchema.optional(),
  maintained: nameSchema.optional(),
  out: nameSchema.optional(),
  in: nameSchema.optional(),
};
type ConditionKeys = Readonly<Partial<Record<keyof typeof conditionShape, string | undefined>>>;

function conditionOrIssue(keys: ConditionKeys, context: z.core.$RefinementCtx): Condition | undefined {
  const found: Condition[] = [];
  for (const kind of EVENT_CONDITIONS) {
    const event = keys[kind];
    if (event !== undefined) found.push({ kind, event });
  }
  for (const kind of MAINTENANCE_CONDITIONS) {
    const maintenance = keys[kind];
    if (maintenance !== undefined) found.push({ kind, maintenance });
  }
  for (const kind of VM_CONDITIONS) {
    const vm = keys[kind];
    if (vm !== undefined) found.push({ kind, vm });
  }
  const [only, other] = found;
  if (only !== undefined && other === undefined) return only;
  const known = [...EVENT_CONDITIONS, ...MAINTENANCE_CONDITIONS, ...VM_CONDITIONS].join(', ');
  context.addIssue({ code: 'custom', message: `expected one of ${known}, got ${found.length} of them` });
  return undefined;
}

const expectSchema = z
  .strictObject({ ...conditionShape, within: durationSchema.default(0) })
  .transform(({ within, ...keys }, context): Step => {
    const that = conditionOrIssue(keys, context);
    return that === undefined ? z.NEVER : { kind: 'expect', that, withinMs: within };
  });

const neverSchema = z
  .strictObject({ ...conditionShape, for: durationSchema })
  .transform(({ for: forMs, ...keys }, context): Step => {
    const that = conditionOrIssue(keys, context);
    return that === undefined ? z.NEVER : { kind: 'never', that, forMs };
  });

const loadSchema = z
  .strictObject({
    /** `public`: the fleet's public address. */
    url: z.union([z.literal('public'), z.url({ protocol: /^http$/ })]).default('public'),
    every: durationSchema
      .default(100)
      .refine((ms) => ms >= 5, { error: 'expected at least 5ms: this is a light load' }),
  })
  .transform(({ url, every }): Step => ({ kind: 'load', url, everyMs: every }));

const approveSchema = z
  .strictObject({ event: nameSchema, by: nameSchema })
  .transform((approve): Step => ({ kind: 'approve', ...approve }));

const waitSchema = durationSchema.transform((ms): Step => ({ kind: 'wait', ms }));

function aboutEvent(kind: 'cancel' | 'start' | 'complete'): z.ZodType<Step> {
  return nameSchema.transform((event): Step => ({ kind, event }));
}

const stepShape = {
  schedule: scheduleSchema.optional(),
  cancel: aboutEvent('cancel').optional(),
  start: aboutEvent('start').optional(),
  complete: aboutEvent('complete').optional(),
  approve: approveSchema.optional(),
  fault: faultSchema.optional(),
  /** A VM's name, or `all`. */
  noFault: nameSchema.transform((vm): Step => ({ kind: 'clear-faults', vm: vm === 'all' ? undefined : vm })).optional(),
  wait: waitSchema.optional(),
  advance: waitSchema.optional(),
  load: loadSchema.optional(),
  expect: expectSchema.optional(),
  never: neverSchema.optional(),
  ...platformStepShape,
};

/** Every key that a step may have. */
export const STEP_KEYS: readonly string[] = Object.keys(stepShape);

/** A step is a mapping with one key. */
const stepSchema = z
  .strictObject(stepShape)
  .transform((step, context): { readonly key: string; readonly step: Step } => {
    const found = Object.entries(step).flatMap(([key, value]) => (value === undefined ? [] : [{ key, step: value }]));
    const [only, other] = found;
    if (only !== undefined && other === undefined) return only;
    const message = `expected one verb or expectation a step, got ${found.map(({ key }) => key).join(' and ') || 'none'}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** The scenario file. `forewarn emulator run --help` and examples/scenarios/ explain it. */
export const scenarioSchema = z
  .strictObject({
    name: z.string().min(1).max(200),
    description: z.string().default(''),
    /** Under `stepped` time passes only in `wait`, `advance` and while something is expected: as fast as it can. */
    clock: z.enum(['real', 'stepped']).default('real'),
    /** A fleet file's path, relative to this file, or its content. */
    fleet: z.union([z.string().min(1), z.record(z.string(), z.unknown())]).optional(),
    /** The emulator plays the VMs: each leaves rotation when an event names it, and approves after this time. */
    standIns: z.strictObject({ approveAfter: z.union([z.literal('never'), durationSchema]) }).optional(),
    /** Where VMs behind no public address show whether they are in rotation: 200 = in. */
    gates: z.record(nameSchema, z.url({ protocol: /^http$/ })).default({}),
    steps: z.array(stepSchema).min(1).max(MAX_STEPS),
  })
  .superRefine((scenario, context) => {
    checkNames(scenario.steps, context);
    for (const [index, { key }] of scenario.steps.entries()) {
      if (key === 'load' && scenario.clock === 'stepped') {
        const message = 'expected clock: real with load: requests go over the network, which no stepping moves';
        context.addIssue({ code: 'custom', path: ['steps', index, key], message });
      }
      if (key === 'advance' && scenario.clock === 'real') {
        const message = 'expected clock: stepped for this step: the real clock cannot be moved; wait takes its time';
        context.addIssue({ code: 'custom', path: ['steps', index, key], message });
      }
    }
    if (scenario.clock === 'stepped' && Object.keys(scenario.gates).length > 0) {
      const message = 'expected clock: real with gates: they are asked over the network, which no stepping moves';
      context.addIssue({ code: 'custom', path: ['gates'], message });
    }
  });
export type ScenarioFile = z.output<typeof scenarioSchema>;
