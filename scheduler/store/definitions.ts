import { z } from 'zod';
import { jobDefinitionSchema, type JobDefinition } from '../jobs/definition.ts';
import type { KeyRing } from '../secrets/key-ring.ts';
import { seal, unseal } from '../secrets/seal.ts';
import { Secret, secretsIn, withSecrets } from '../secrets/secret.ts';

/** A definition in the columns of a row. Secrets are in `secrets` alone, each sealed, by its path in the definition. */
export interface DefinitionColumns {
  readonly definition: string;
  readonly secrets: string | null;
  /** Name of the key that they are sealed with. */
  readonly secret_key: string | null;
}

/** Reads and writes definitions of jobs. */
export interface Definitions {
  read(id: string, columns: Pick<DefinitionColumns, 'definition' | 'secrets'>): JobDefinition;
  /** Throws a `SealError` when there is a secret and no key. */
  write(id: string, definition: JobDefinition): DefinitionColumns;
  /** The columns with the secrets sealed anew, by the newest key. Throws a `SealError`. */
  reseal(id: string, columns: Pick<DefinitionColumns, 'secrets'>): Pick<DefinitionColumns, 'secrets' | 'secret_key'>;
  /** Name of the key that seals now. */
  newestKeyId(): string | undefined;
}

/** Definitions kept parsed; a job that recurs is read far more often than it is written. */
const MAX_PARSED = 5000;

const sealedSchema = z.record(z.string(), z.string());

export function createDefinitions(ring: KeyRing): Definitions {
  const parsed = new Map<string, JobDefinition>();
  const sealAll = (id: string, secrets: readonly (readonly [string, string])[]) => {
    let keyId: string | null = null;
    const sealed = secrets.map(([path, text]) => {
      const one = seal(ring, text, placeOf(id, path));
      ({ keyId } = one);
      return [path, one.sealed] as const;
    });
    return { secrets: sealed.length === 0 ? null : JSON.stringify(Object.fromEntries(sealed)), secret_key: keyId };
  };
  return {
    read: (id, columns) => {
      // Sealed texts differ from job to job, so no definition is taken for another's.
      const key = columns.secrets === null ? columns.definition : `${columns.secrets}${columns.definition}`;
      const known = parsed.get(key);
      if (known !== undefined) return known;
      // Opened when they are used: a job whose secrets cannot be opened fails by itself, and no other with it.
      const secrets = sealedIn(columns.secrets).map(
        ([path, sealed]) => [path, Secret.sealed(() => unseal(ring, sealed, placeOf(id, path)))] as const,
      );
      const definition = jobDefinitionSchema.parse(withSecrets(JSON.parse(columns.definition), secrets));
      const oldest = parsed.size < MAX_PARSED ? undefined : parsed.keys().next().value;
      if (oldest !== undefined) parsed.delete(oldest);
      parsed.set(key, definition);
      return definition;
    },
    write: (id, definition) => ({
      definition: JSON.stringify(definition),
      ...sealAll(
        id,
        secretsIn(definition).map(([path, secret]) => [path, secret.reveal()]),
      ),
    }),
    reseal: (id, columns) =>
      sealAll(
        id,
        sealedIn(columns.secrets).map(([path, sealed]) => [path, unseal(ring, sealed, placeOf(id, path))]),
      ),
    newestKeyId: () => ring.newest()?.id,
  };
}

function sealedIn(secrets: string | null): readonly (readonly [string, string])[] {
  return secrets === null ? [] : Object.entries(sealedSchema.parse(JSON.parse(secrets)));
}

function placeOf(jobId: string, path: string): string {
  return `jobs.secrets/${jobId}/${path}`;
}
