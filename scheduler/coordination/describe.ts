import { awaitedBy, isForced, type AgreementRecord, type Awaited } from '../../common/agreement/record.ts';

/** One line of the timeline about an agreement. */
export interface AgreementNews {
  readonly kind: string;
  /** Canonical name of the VM that brought it about, where that is one. */
  readonly vm: string | undefined;
  readonly detail: string;
}

/** What a change of a record means to people. `name` turns a canonical name into the one people know. */
export function describeChange(
  before: AgreementRecord | undefined,
  after: AgreementRecord,
  name: (canonical: string) => string,
): readonly AgreementNews[] {
  const news: AgreementNews[] = [];
  if (before === undefined) {
    const names = after.resources.map(name).join(', ');
    news.push({
      kind: 'agreement.preparing',
      vm: undefined,
      detail: `${after.eventType} of ${names}: promises are collected`,
    });
  }
  if (after.term > (before?.term ?? 0) && after.lease !== undefined) {
    const { holder } = after.lease;
    news.push({ kind: 'lease.won', vm: holder, detail: `${name(holder)} leads (term ${after.term})` });
  }
  if (after.forced !== undefined && before?.forced?.hash !== after.forced.hash) {
    const { by, reason } = after.forced;
    news.push({ kind: 'agreement.forced', vm: undefined, detail: `${by} lets it go ahead as it stands: ${reason}` });
  }
  if (before !== undefined && (before.phase !== after.phase || before.hash !== after.hash)) {
    news.push({
      kind: `agreement.${after.phase}`,
      vm: actorOf(before, after),
      detail: describePhase(before, after, name),
    });
  }
  return news;
}

function actorOf(before: AgreementRecord, after: AgreementRecord): string | undefined {
  if (after.phase === 'aborted') {
    const entries = Object.entries(after.members);
    return entries.find(([vm, entry]) => entry.promise === 'withdrawn' && before.members[vm] !== entry)?.[0];
  }
  return after.lease?.holder;
}

function describePhase(before: AgreementRecord, after: AgreementRecord, name: (canonical: string) => string): string {
  switch (after.phase) {
    case 'preparing': {
      const names = after.resources.map(name).join(', ');
      return `the event now names ${names}: promises are collected again`;
    }
    case 'intent':
      return `${name(after.intent?.by ?? '')} is about to approve (term ${after.intent?.term ?? 0}): ${
        isForced(after) ? 'an operator has forced it' : 'all have promised'
      }`;
    case 'approved':
      return `${name(after.intent?.by ?? after.lease?.holder ?? '')} has approved`;
    case 'aborted':
      return `${name(actorOf(before, after) ?? '')} stays in service: its operator withdrew it`;
    case 'ended':
      return 'the event is over';
    default:
      return after.phase satisfies never;
  }
}

/** Who is who for a sentence about a record. Names are canonical. */
export interface People {
  /** VMs without an agent. */
  readonly unmanaged: ReadonlySet<string>;
  /** Turns a canonical name into the one that people know. */
  readonly name: (canonical: string) => string;
  /** Is the agent of this VM connected, to this scheduler or another on the same store? */
  readonly isConnected: (canonical: string) => boolean;
}

/** Why an event is not approved yet, one sentence fragment each; empty when nothing is awaited. */
export function describeAwaited(record: AgreementRecord, people: People): readonly string[] {
  if (record.phase !== 'preparing') return [];
  return awaitedBy(record, people.unmanaged).map((awaited) => describeOne(awaited, people));
}

function describeOne(awaited: Awaited, people: People): string {
  const name = people.name(awaited.name);
  const isConnected = people.isConnected(awaited.name);
  switch (awaited.kind) {
    case 'unknown':
      return isConnected
        ? `${name} has not reported: its agent is connected, but has not told of this event`
        : `${name} has not reported: no agent there, or it is not connected`;
    case 'not-prepared': {
      const state =
        awaited.promise === 'binding' ? `${name} is still draining` : `${name} has not promised (${awaited.promise})`;
      return isConnected ? state : `${state}, and its agent is not connected`;
    }
    case 'dissent':
      return `${name} sees the event with other VMs or of another type`;
    default:
      return awaited satisfies never;
  }
}
