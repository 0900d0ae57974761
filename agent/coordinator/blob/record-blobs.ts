import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { z } from 'zod';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import { recordSchema } from '../../../common/protocol/agreement-messages.ts';
import type { BlobSettings } from './settings.ts';

/** A record with the ETag of the blob it came from. */
export interface StoredRecord {
  readonly record: AgreementRecord;
  readonly etag: string;
}

/** One event's record: whose scope, which event. */
export interface RecordKey {
  readonly scope: string;
  /** Canonical. */
  readonly eventId: string;
}

/**
 * Records of agreements as blobs, one an event. Every method rejects when the service cannot be reached, refuses, or does not
 * answer in time; then nobody knows whether a write was applied.
 */
export interface RecordBlobs {
  /** Makes the container where there is none. */
  prepare(): Promise<void>;
  read(key: RecordKey): Promise<StoredRecord | undefined>;
  /** 'unchanged' while the blob still carries `etag`. */
  readIfChanged(key: RecordKey, etag: string): Promise<StoredRecord | 'unchanged' | undefined>;
  /** Writes if the blob still carries `etag` (undefined: if there is none). Resolves with the new ETag, or undefined: it lost. */
  write(key: RecordKey, record: AgreementRecord, etag: string | undefined): Promise<string | undefined>;
  /** The events of a scope that have a record, with the time of its last change. */
  list(scope: string): Promise<readonly { readonly eventId: string; readonly changedAtMs: number }[]>;
  /** Removes the blob if it still carries `etag`. */
  remove(key: RecordKey, etag: string): Promise<void>;
}

/** No call may outlive a candidate's pause (`LEASE_RETRY_MS`): an answer after that says nothing any more. */
const CALL_TIMEOUT_MS = 1400;

/** A record of 1,000 VMs has about 200 kB; more than this is not ours. */
const MAX_BLOB_BYTES = 1024 * 1024;

/** Most records of one scope that are looked at; older ones were removed long before. */
const MAX_LISTED = 1000;

const storedSchema = z.strictObject({ version: z.literal(1), record: recordSchema });

/** The blobs that `settings` name. Loads Azure's client, which is why it is asynchronous; sends nothing yet. */
export async function openRecordBlobs(settings: BlobSettings): Promise<RecordBlobs> {
  const container = await openContainer(settings);
  const blob = (key: RecordKey): BlockBlobClient => container.getBlockBlobClient(nameOf(key));
  const read = async (
    key: RecordKey,
    unlessEtag: string | undefined,
  ): Promise<StoredRecord | 'unchanged' | undefined> => {
    try {
      const answer = await blob(key).download(0, MAX_BLOB_BYTES, {
        abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS),
        ...(unlessEtag === undefined ? {} : { conditions: { ifNoneMatch: unlessEtag } }),
      });
      const text = await textOf(answer.readableStreamBody);
      if (answer.etag === undefined) throw new Error('the storage service sent no ETag');
      return { record: parseRecord(text, nameOf(key)), etag: answer.etag };
    } catch (error) {
      const status = statusOf(error);
      if (status === 304) return 'unchanged';
      if (status === 404) return undefined;
      throw error;
    }
  };
  return {
    prepare: async () => {
      await container.createIfNotExists({ abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    },
    read: async (key) => {
      const stored = await read(key, undefined);
      return stored === 'unchanged' ? undefined : stored;
    },
    readIfChanged: read,
    write: async (key, record, etag) => {
      const text = JSON.stringify({ version: 1, record });
      try {
        const answer = await blob(key).upload(text, Buffer.byteLength(text), {
          abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS),
          blobHTTPHeaders: { blobContentType: 'application/json' },
          conditions: etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag },
        });
        if (answer.etag === undefined) throw new Error('the storage service sent no ETag');
        return answer.etag;
      } catch (error) {
        const status = statusOf(error);
        // 412 ConditionNotMet, 409 BlobAlreadyExists: somebody else wrote first.
        if (status === 412 || status === 409) return undefined;
        throw error;
      }
    },
    list: async (scope) => {
      const prefix = `${encodeURIComponent(scope)}/`;
      const found: { eventId: string; changedAtMs: number }[] = [];
      const pages = container
        .listBlobsFlat({ prefix, abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) })
        .byPage({ maxPageSize: MAX_LISTED });
      for await (const page of pages) {
        for (const { name, properties } of page.segment.blobItems) {
          if (name.endsWith(SUFFIX)) {
            const eventId = decodeURIComponent(name.slice(prefix.length, -SUFFIX.length));
            found.push({ eventId, changedAtMs: properties.lastModified.getTime() });
          }
        }
        if (found.length >= MAX_LISTED) break;
      }
      return found;
    },
    remove: async (key, etag) => {
      await blob(key).deleteIfExists({
        abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS),
        conditions: { ifMatch: etag },
      });
    },
  };
}

const SUFFIX = '.json';

function nameOf(key: RecordKey): string {
  return `${encodeURIComponent(key.scope)}/${encodeURIComponent(key.eventId)}${SUFFIX}`;
}

/** One try a call: whoever asked decides whether to ask again. */
const CLIENT_OPTIONS = { retryOptions: { maxTries: 1 } };

async function openContainer(settings: BlobSettings): Promise<ContainerClient> {
  const { ContainerClient } = await import('@azure/storage-blob');
  if ('connectionString' in settings)
    return new ContainerClient(settings.connectionString, settings.container, CLIENT_OPTIONS);
  const { ManagedIdentityCredential } = await import('@azure/identity');
  const credential =
    settings.clientId === undefined
      ? new ManagedIdentityCredential()
      : new ManagedIdentityCredential({ clientId: settings.clientId });
  return new ContainerClient(settings.url, credential, CLIENT_OPTIONS);
}

async function textOf(stream: NodeJS.ReadableStream | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** A record that cannot be read is an error and never "no record": nobody may approve past it. */
function parseRecord(text: string, name: string): AgreementRecord {
  const parsed = storedSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data.record;
  const { path = [], message = '' } = parsed.error.issues[0] ?? {};
  const where = path.length === 0 ? '' : `${path.map(String).join('.')}: `;
  throw new Error(
    `the blob ${name} is no record of an agreement that this version of Forewarn can read (${where}${message}); install the same version on all VMs`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}
