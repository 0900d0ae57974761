import { hostname } from 'node:os';
import { z } from 'zod';
import type { Replica } from '../store/store.ts';
import { canonicalRegion } from './regions.ts';

/** The setting `replica`: how this scheduler is called among others on the same database, and where it stands. */
export const replicaSchema = z
  .strictObject({
    name: z.string().min(1).max(256).optional(),
    region: z.string().min(1).max(256).optional(),
  })
  .default({});

export function replicaOf(raw: z.output<typeof replicaSchema>): Replica {
  return {
    name: raw.name ?? hostname(),
    region: raw.region === undefined ? undefined : canonicalRegion(raw.region),
  };
}
