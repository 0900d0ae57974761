import { LEASE_MS, type AgreementRecord } from '../../../common/agreement/record.ts';

type Lease = NonNullable<AgreementRecord['lease']>;

/** A lease as this VM has seen it: which one, and when by this VM's monotonic clock it was first seen so. */
export interface LeaseSight {
  readonly lease: Lease;
  readonly term: number;
  readonly seenAtMs: number;
}

/**
 * What this VM knows of a lease after it has seen `record` at `monotonicMs`. A renewal writes another time of expiry, so a
 * lease that looks as before was not renewed. The time itself is never compared with a clock: it comes from another machine's.
 * Source: Kubernetes' client-go, leader election (locally observed time of the record's last change).
 */
export function sightOf(
  before: LeaseSight | undefined,
  record: Pick<AgreementRecord, 'lease' | 'term'>,
  monotonicMs: number,
): LeaseSight | undefined {
  const { lease, term } = record;
  if (lease === undefined) return undefined;
  const isSame =
    before !== undefined &&
    before.term === term &&
    before.lease.holder === lease.holder &&
    before.lease.expiresAtMs === lease.expiresAtMs;
  return isSame ? before : { lease, term, seenAtMs: monotonicMs };
}

/**
 * The `now` under which `applyCommand` takes the lease for held exactly while this VM must: for `LEASE_MS` after its last
 * change was seen. Otherwise as close to this VM's wall clock as that allows, so that a renewal always changes the record.
 */
export function nowBySight(sight: LeaseSight | undefined, wallMs: number, monotonicMs: number): number {
  if (sight === undefined) return wallMs;
  const { expiresAtMs } = sight.lease;
  const isHeld = monotonicMs - sight.seenAtMs < LEASE_MS;
  return isHeld ? Math.min(wallMs, expiresAtMs - 1) : Math.max(wallMs, expiresAtMs);
}
