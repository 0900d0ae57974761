import { z } from 'zod';
import { durationSchema } from '../../common/runtime/duration.ts';
import { SLOTS } from '../cloud-service/service.ts';
import { COMPUTE_VERBS } from '../compute/target.ts';
import { MAINTENANCE_DOMAINS, MAINTENANCE_TYPES } from '../platform/maintenance.ts';
import type { Step } from './pure/steps.ts';

/** Of events, maintenance, VMs and roles. */
export const nameSchema = z.string().min(1).max(256);

const operateSchema = z
  .strictObject({ as: nameSchema.optional(), verb: z.enum(COMPUTE_VERBS), vm: nameSchema })
  .transform(({ as, verb, vm }): Step => ({ kind: 'operate', as, verb, vm }));

const maintainSchema = z
  .strictObject({
    as: nameSchema,
    /** A role of the cloud service, or a scope. */
    target: nameSchema,
    by: z.enum(MAINTENANCE_DOMAINS).default('update-domain'),
    type: z.enum(MAINTENANCE_TYPES).default('Freeze'),
    notice: durationSchema.optional(),
    durationSeconds: z.int().min(-1).max(86_400).optional(),
  })
  .transform(({ as, target, by, type, notice, durationSeconds }): Step => ({
    kind: 'maintain',
    as,
    target,
    by,
    type,
    noticeMs: notice,
    durationSeconds,
  }));

const scaleSchema = z
  .strictObject({
    role: nameSchema,
    instances: z.int().min(1).max(1000),
    slot: z.enum(SLOTS).default('production'),
  })
  .transform((scale): Step => ({ kind: 'scale', ...scale }));

/** Keys of the steps that are about the platform as a whole, its users and the cloud service. */
export const platformStepShape = {
  operate: operateSchema.optional(),
  maintain: maintainSchema.optional(),
  cancelMaintenance: nameSchema
    .transform((maintenance): Step => ({ kind: 'cancel-maintenance', maintenance }))
    .optional(),
  scale: scaleSchema.optional(),
  /** A file with `roles`, relative to the scenario. It is read with the scenario. */
  upload: z
    .string()
    .min(1)
    .transform((file): Step => ({ kind: 'upload', file, text: '' }))
    .optional(),
  /** Into production. */
  swap: z
    .literal('staging')
    .transform((): Step => ({ kind: 'swap' }))
    .optional(),
};
