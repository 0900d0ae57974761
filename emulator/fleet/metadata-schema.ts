import { z } from 'zod';
import { durationSchema } from '../../common/runtime/duration.ts';
import { AZURE_CONCURRENT_TOKENS, type MetadataSettings } from '../metadata/settings.ts';
import { EVENT_VERSIONS, INSTANCE_VERSIONS } from '../metadata/versions.ts';
import { DEFAULT_PLATFORM_SETTINGS } from '../platform/state.ts';

const MINUTE_MS = 60_000;
/** Azure docs, Scheduled Events, "Enabling and disabling": the first answer takes up to two minutes. */
const LONGEST_FIRST_CALL_MS = 2 * MINUTE_MS;
const MAX_REQUESTS_PER_SECOND = 100_000;
const KNOWN_VERSIONS = [...new Set<string>([...EVENT_VERSIONS, ...INSTANCE_VERSIONS])];

/** `metadata:` of a fleet file. */
export const metadataSchema = z.strictObject({
  /** What one VM may send before it is answered 429; 0 = as much as it likes. Left out: 5, as Azure allows. */
  requestsPerSecond: z.int().min(0).max(MAX_REQUESTS_PER_SECOND).optional(),
  /** The same for `/metadata/identity`, which has a limit of its own. Left out: 20, as Azure allows. */
  tokensPerSecond: z.int().min(0).max(MAX_REQUESTS_PER_SECOND).optional(),
  /** Requests to `/metadata/identity` that one VM may have waiting at once; one more is answered 429. 0 = no limit. */
  concurrentTokens: z.int().min(0).max(MAX_REQUESTS_PER_SECOND).default(AZURE_CONCURRENT_TOKENS),
  /** The first request of a scope for events is answered only after this. */
  firstCallDelay: durationSchema.default(0).refine((ms) => ms <= LONGEST_FIRST_CALL_MS, {
    error: 'expected at most 2m: Azure takes no longer',
  }),
  /** A scope that has not asked for events for this long gets none any more, until it asks again. */
  disableAfter: durationSchema.default(DEFAULT_PLATFORM_SETTINGS.disableAfterMs).refine((ms) => ms >= MINUTE_MS, {
    error: 'expected at least 1m: Azure waits for a day',
  }),
  /** api-versions that are answered 400, as in a region that does not have them yet. */
  refuseVersions: z
    .array(
      z.string().refine((version) => KNOWN_VERSIONS.includes(version), {
        error: (issue) =>
          `expected an api-version that there is, like "2017-11-01", got ${JSON.stringify(issue.input)}`,
      }),
    )
    .default([]),
  /** User-assigned identities that every VM has besides its own: names, of which their ids are made. */
  identities: z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/)).default([]),
});

/** The settings of the metadata services; `disableAfter` is the platform's. */
export function metadataSettingsOf(found: z.output<typeof metadataSchema>): MetadataSettings {
  return {
    requestsPerSecond: found.requestsPerSecond,
    tokensPerSecond: found.tokensPerSecond,
    concurrentTokens: found.concurrentTokens,
    firstCallDelayMs: found.firstCallDelay,
    refuseVersions: found.refuseVersions,
    identities: found.identities,
  };
}
