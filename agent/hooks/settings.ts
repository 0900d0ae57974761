import { z } from 'zod';
import { durationSchema } from '../../common/runtime/duration.ts';
import { HOOK_PHASES } from '../core/hook-phase.ts';

const nonEmpty = z.string().min(1, { error: 'expected some text, got ""' });

/** Environment variables that an operator adds to those which the agent sets. */
const variables = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).default({});

/** What one phase does otherwise than the others. */
const phaseSchema = z.strictObject({
  /** For each executable of this phase. */
  timeout: durationSchema.optional(),
  /**
   * `fail`: the first hook that fails fails its phase, and a phase that gates (prepare, ready) holds the promise back.
   * `continue`: it is logged and the next one runs. A file that must not be run fails its phase either way.
   */
  onFailure: z.enum(['fail', 'continue']).default('fail'),
});

export const hooksSchema = z.strictObject({
  folder: nonEmpty,
  timeout: durationSchema.default(30_000),
  environment: variables,
  phases: z.partialRecord(z.enum(HOOK_PHASES), phaseSchema).optional(),
});

export const tasksSchema = z.strictObject({ folder: nonEmpty, environment: variables });

/** Where what needs root is asked for; see agent/privileged/. Without it nothing runs with other rights than the agent's. */
export const privilegedSchema = z.strictObject({
  socket: nonEmpty.default('/run/forewarn-privileged.sock'),
  folder: nonEmpty.default('/etc/forewarn/privileged.d'),
});
