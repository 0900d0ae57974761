import { readFile } from 'node:fs/promises';
import { canonicalName } from '../../common/agreement/names.ts';
import type { VmIdentity } from '../../common/protocol/messages.ts';
import { describeError, UserError } from '../../common/runtime/errors.ts';
import type { AgentTools } from '../tools.ts';
import type { Agreements, AgreementEvents, Coordinator, CoordinatorEvents } from './coordinator.ts';
import { FIRST_IN_RESOURCES, FirstInResources } from './first-in-resources.ts';
import type { LinkCredentials, SchedulerLink } from './scheduler-link.ts';

/** Everything this VM is connected to for agreeing with others and for its fleet's jobs; each may be missing. */
export interface Connections {
  readonly link: SchedulerLink | undefined;
  /** What the shell speaks to; undefined when there is nobody to agree with. */
  readonly coordinator: Coordinator | undefined;
  open(): void;
  close(): void;
}

/**
 * Makes what the settings name: the scheduler for jobs and (unless `coordinator` says otherwise) for agreements. Loads the
 * parts that are needed; connects only when opened. Throws a `UserError` when a secret cannot be read.
 */
export async function makeConnections(
  tools: AgentTools,
  identity: VmIdentity,
  events: CoordinatorEvents,
): Promise<Connections> {
  const other = await makeAgreements(tools, identity, events);
  const link = await makeLink(tools, identity, other === undefined ? events : withoutAgreements(events));
  const agreements = other ?? link;
  return {
    link,
    coordinator: agreements && {
      submit: async (command) => await agreements.submit(command),
      reconcile: async () => await agreements.reconcile(),
      // Only the scheduler knows who is in service.
      mayLeave: async (minimum) => await link?.mayLeave(minimum),
      tell: (message) => link?.tell(message),
    },
    open: () => {
      link?.open();
      other?.open();
    },
    close: () => {
      link?.close();
      other?.close();
    },
  };
}

async function makeLink(
  tools: AgentTools,
  identity: VmIdentity,
  events: CoordinatorEvents,
): Promise<SchedulerLink | undefined> {
  const { settings, clock, random, log } = tools;
  if (settings.scheduler === undefined) return undefined;
  const { SchedulerLink } = await import('./scheduler-link.ts');
  return new SchedulerLink({
    urls: settings.scheduler.url,
    who: { identity, agentVersion: tools.agentVersion },
    credentials: await openCredentials(tools, settings.scheduler),
    events,
    clock,
    random,
    log: log.child({ part: 'coordinator' }),
  });
}

/**
 * A key that cannot be kept is said and done without: whoever wants one refuses this VM, and then nobody approves for it.
 */
async function openCredentials(
  { settings, clock, log }: AgentTools,
  scheduler: NonNullable<AgentTools['settings']['scheduler']>,
): Promise<LinkCredentials> {
  const { enrolmentTokenFile, ca } = scheduler;
  const { AgentKey } = await import('./agent-key.ts');
  let key: LinkCredentials['key'];
  try {
    key = await AgentKey.open(settings.state, clock);
  } catch (error) {
    log.error({ reason: describeError(error) }, 'this agent has no key to prove itself with');
  }
  return {
    key,
    token: async () => (enrolmentTokenFile === undefined ? undefined : await readToken(enrolmentTokenFile)),
    trusted: ca === undefined ? undefined : await readTrusted(ca),
  };
}

/** The file may be gone: a token is of use once. */
async function readToken(file: string): Promise<string | undefined> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

async function readTrusted(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UserError('SECRET_UNREADABLE', `scheduler.ca: cannot read ${file}: ${describeError(error)}`);
  }
}

/** Another keeper of records than the scheduler, where the settings name one. */
async function makeAgreements(
  tools: AgentTools,
  identity: VmIdentity,
  events: AgreementEvents,
): Promise<Agreements | undefined> {
  const { clock, random } = tools;
  const settings = tools.settings.coordinator;
  const log = tools.log.child({ part: 'coordinator' });
  switch (settings?.kind) {
    case undefined:
      return undefined;
    case 'first-in-resources':
      log.warn({ rule: FIRST_IN_RESOURCES }, 'approving by the simple rule');
      return new FirstInResources(identity.name, events, clock);
    case 'blob': {
      const { resolveBlobSettings } = await import('./blob/settings.ts');
      const { openRecordBlobs } = await import('./blob/record-blobs.ts');
      const { BlobCoordinator } = await import('./blob/blob-coordinator.ts');
      const blobs = await openRecordBlobs(await resolveBlobSettings(settings));
      const unmanaged = new Set(settings.unmanaged.map(canonicalName));
      return new BlobCoordinator({ blobs, identity, unmanaged, events, clock, random, log });
    }
    default:
      return settings satisfies never;
  }
}

/** A scheduler that is there for jobs only has nothing to say about agreements. */
function withoutAgreements(events: CoordinatorEvents): CoordinatorEvents {
  return { ...events, connected: () => {}, disconnected: () => {}, record: () => {} };
}
