import { z } from 'zod';
import type { ServiceDefinition } from '../cloud-service/upload.ts';
import type { OperationView } from '../compute/operation-log.ts';
import type { Certified } from '../credentials/authority.ts';
import { FAULT_KINDS, type Fault } from '../faults.ts';
import type { NewMaintenance } from '../maintenance-runner.ts';
import { MAINTENANCE_DOMAINS, MAINTENANCE_TYPES, type MaintenancePlan } from '../platform/maintenance.ts';
import type { ScopeState } from '../platform/state.ts';
import { heldScopeSchema } from './saved-events.ts';

/*
 * What is kept beside the platform: each part by the one whose it is, all of them in one file, so that no two of them can ever
 * be of different moments.
 */

export interface KeptDeployment {
  readonly number: number;
  /** The uploaded file, whose variables are put in when it is read; undefined for the fleet file's deployment. */
  readonly definition?: ServiceDefinition | undefined;
  /** Of the roles that were scaled, by name. */
  readonly instances: Readonly<Record<string, number>>;
  /** How many times an instance was replaced, by its name. */
  readonly generations: Readonly<Record<string, number>>;
}

export interface KeptService {
  /** How many deployments there have been. */
  readonly count: number;
  readonly production: KeptDeployment;
  readonly staging?: KeptDeployment | undefined;
}

export interface KeptMaintenance {
  /** How many there have been. */
  readonly count: number;
  readonly sequences: readonly {
    readonly id: string;
    readonly wanted: NewMaintenance;
    readonly plan: MaintenancePlan;
  }[];
}

export interface KeptFault {
  readonly fault: Fault;
  /** The documents of `stale-document`. */
  readonly held?: readonly ScopeState[] | undefined;
}

export interface KeptOperation {
  readonly eventId?: string | undefined;
  readonly view: OperationView;
}

/** Ports of VMs, by their names: of the metadata service, and those that were picked for what they run. */
export type KeptAddresses = Readonly<
  Record<string, { readonly metadata: number; readonly ports: Readonly<Record<string, number>> }>
>;

export interface KeptParts {
  readonly addresses?: KeptAddresses | undefined;
  readonly service?: KeptService | undefined;
  readonly maintenance?: KeptMaintenance | undefined;
  readonly faults?: readonly KeptFault[] | undefined;
  readonly operations?: readonly KeptOperation[] | undefined;
  /** The emulator's own authority, so that whoever trusts it goes on to. */
  readonly authority?: Certified | undefined;
  /** What signs the tokens, as PEM. */
  readonly tokenKey?: string | undefined;
}

const deploymentSchema = z.object({
  number: z.int().positive(),
  definition: z.object({ file: z.string(), text: z.string() }).optional(),
  instances: z.record(z.string(), z.int().positive()),
  generations: z.record(z.string(), z.int().positive()),
});

const serviceSchema = z.object({
  count: z.int().positive(),
  production: deploymentSchema,
  staging: deploymentSchema.optional(),
});

const sequenceSchema = z.object({
  id: z.string(),
  wanted: z.object({
    target: z.string(),
    by: z.enum(MAINTENANCE_DOMAINS),
    type: z.enum(MAINTENANCE_TYPES),
    durationSeconds: z.number().optional(),
    noticeMs: z.number().optional(),
  }),
  plan: z.object({
    isCancelled: z.boolean(),
    steps: z.array(
      z.object({
        domain: z.int(),
        groups: z.array(z.array(z.string())),
        openEvents: z.array(z.string()),
        state: z.enum(['waiting', 'under-way', 'over']),
      }),
    ),
  }),
});

const maintenanceSchema = z.object({ count: z.int().nonnegative(), sequences: z.array(sequenceSchema) });

const faultSchema = z.object({
  fault: z
    .object({
      kind: z.enum(FAULT_KINDS),
      vm: z.string().optional(),
      latencyMs: z.number(),
      byMs: z.number().optional(),
      untilMs: z.number().optional(),
    })
    .transform(({ vm, untilMs, byMs, ...fault }) => ({
      ...fault,
      vm,
      untilMs,
      ...(byMs === undefined ? {} : { byMs }),
    })),
  held: z.array(heldScopeSchema).optional(),
});

const operationSchema = z.object({
  eventId: z.string().optional(),
  view: z
    .object({
      name: z.string(),
      status: z.enum(['InProgress', 'Succeeded', 'Canceled']),
      startTime: z.string(),
      endTime: z.string().optional(),
    })
    .transform(({ endTime, ...view }) => ({ ...view, ...(endTime === undefined ? {} : { endTime }) })),
});

const certifiedSchema = z.object({ certificate: z.string(), key: z.string() });

export const keptPartsSchema: z.ZodType<KeptParts> = z.object({
  addresses: z.record(z.string(), z.object({ metadata: z.int(), ports: z.record(z.string(), z.int()) })).optional(),
  service: serviceSchema.optional(),
  maintenance: maintenanceSchema.optional(),
  faults: z.array(faultSchema).optional(),
  operations: z.array(operationSchema).optional(),
  authority: certifiedSchema.optional(),
  tokenKey: z.string().optional(),
});
