import type { Role, Scope } from './grants.ts';

/** What a request takes. */
export type Requirement =
  /** Any token that holds. */
  | { readonly kind: 'known' }
  /** The role on the whole scope; `within`: on anything in it is enough, and the answer holds no more than that. */
  | { readonly kind: 'granted'; readonly role: Role; readonly scope: Scope; readonly within: boolean };

/** Parts of the id of a resource group, and of a job collection. */
const GROUP_PARTS = 4;
const COLLECTION_PARTS = 8;

/** What stands for everything: the fleet belongs to no subscription. */
const EVERYTHING: Scope = [];

/**
 * What a request takes, by its method and path. Whatever is not named here takes an owner of everything, so a route that is
 * new is closed until somebody says otherwise. `path` is as it came, percent-encoded; throws a `URIError` when it is broken.
 */
export function requirementOf(method: string, path: string): Requirement {
  const parts = path
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part).toLowerCase());
  if (parts.at(-1) === '') parts.pop();
  const isRead = method === 'GET' || method === 'HEAD';
  if (parts[0] === 'subscriptions') return ofAzure(method, parts);
  if (parts[0] === 'metrics' && parts.length === 1) return granted(isRead ? 'reader' : 'owner', EVERYTHING);
  if (parts[0] !== 'forewarn' || parts[1] !== 'v1') return granted('owner', EVERYTHING);
  const own = parts.slice(2);
  switch (own[0] ?? '') {
    case 'me':
      return { kind: 'known' };
    case 'subscriptions':
      // A preview of a job, a bill: nothing of them writes.
      return isRead ? ofAzure(method, own) : granted('owner', EVERYTHING);
    case 'preview':
    case 'calendars':
      return granted('reader', EVERYTHING, true);
    case 'health':
    case 'vms':
    case 'rollouts':
    case 'watch':
      return granted(isRead ? 'reader' : 'owner', EVERYTHING);
    case 'events':
      return granted(isRead ? 'reader' : 'operator', EVERYTHING);
    default:
      return granted('owner', EVERYTHING);
  }
}

function ofAzure(method: string, parts: readonly string[]): Requirement {
  const isRead = method === 'GET' || method === 'HEAD';
  const isOfCollection = parts[4] === 'providers' && parts[6] === 'jobcollections';
  if (isOfCollection && parts.length >= COLLECTION_PARTS) {
    return granted(roleFor(method, parts.at(-1) ?? ''), parts.slice(0, COLLECTION_PARTS));
  }
  // Lists, the provider's own document, the resource group: whoever has anything there may look.
  const scope = parts.slice(0, parts[2] === 'resourcegroups' ? GROUP_PARTS : 2);
  return granted(isRead ? 'reader' : 'contributor', scope, isRead);
}

function roleFor(method: string, last: string): Role {
  if (method === 'GET' || method === 'HEAD') return 'reader';
  return method === 'POST' && ['run', 'enable', 'disable'].includes(last) ? 'operator' : 'contributor';
}

function granted(role: Role, scope: Scope, within = false): Requirement {
  return { kind: 'granted', role, scope, within };
}
