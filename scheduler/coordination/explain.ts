import type { AgreementRecord } from '../../common/agreement/record.ts';
import { isForced } from '../../common/agreement/record.ts';
import { describeAwaited, type People } from './describe.ts';

/** What an explanation is made of, besides the record. */
export interface ExplainParts extends People {
  readonly now: number;
}

/** Why an event is where it is, and what comes next: one or two sentences for an operator who wonders why nothing happens. */
export function explain(record: AgreementRecord, parts: ExplainParts): string {
  const { now, name } = parts;
  switch (record.phase) {
    case 'preparing':
      return `${explainPreparing(record, parts)}${isPastNotBefore(record, now) ? PAST : ''}`;
    case 'intent': {
      const by = name(record.intent?.by ?? '');
      const begun = `${by} has recorded that it approves (term ${record.intent?.term ?? 0})`;
      return `${begun}; ${hasLeader(record, now) ? 'its approval is under way.' : 'it was not heard of since, and another VM takes over.'}`;
    }
    case 'approved':
      return `${name(record.intent?.by ?? '')} has approved it: the platform begins when it is ready, and the VMs stay out until the event is gone.`;
    case 'aborted':
      return `${withdrawnBy(record, name)} stays in service by its operator's word, so nobody approves: the platform begins at NotBefore.`;
    case 'ended':
      return 'The event is over.';
    default:
      return record.phase satisfies never;
  }
}

const PAST = ' NotBefore has passed: the platform begins without an approval.';

function explainPreparing(record: AgreementRecord, parts: ExplainParts): string {
  const { now, name } = parts;
  const awaited = describeAwaited(record, parts);
  if (awaited.length > 0) {
    const isAhead = record.notBeforeMs !== undefined && !isPastNotBefore(record, now);
    const others = isAhead ? '; at NotBefore the platform begins all the same' : '';
    return `Waits, because ${awaited.join(', and ')}${others}.`;
  }
  const [only] = record.resources;
  // Nobody has to agree with it (rule 8); the record only follows.
  if (record.resources.length === 1 && only !== undefined && record.lease === undefined && parts.isConnected(only))
    return `${name(only)} is named alone and ${isForced(record) ? 'has been told to go ahead' : 'has promised'}: it reads the event once more and approves.`;
  const ready = isForced(record) ? `${record.forced?.by ?? ''} has forced it` : 'All have promised';
  const holder = name(record.lease?.holder ?? '');
  if (hasLeader(record, now)) return `${ready}: ${holder}, which leads, reads the event once more and approves.`;
  if (!record.resources.some(parts.isConnected))
    return `${ready}, but none of its VMs is connected here, and only one of them can approve it.`;
  if (record.lease === undefined) return `${ready}: the VMs elect the one that approves.`;
  return `${ready}: ${holder} led and was not heard of since; another VM takes over.`;
}

function hasLeader(record: AgreementRecord, now: number): boolean {
  return record.lease !== undefined && record.lease.expiresAtMs > now;
}

function isPastNotBefore(record: AgreementRecord, now: number): boolean {
  return record.notBeforeMs !== undefined && record.notBeforeMs <= now;
}

function withdrawnBy(record: AgreementRecord, name: (canonical: string) => string): string {
  const found = Object.entries(record.members).filter(([, entry]) => entry.promise === 'withdrawn');
  return found.length === 0 ? 'A VM' : found.map(([vm]) => name(vm)).join(', ');
}
