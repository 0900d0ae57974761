import type { EventType, ScopeKind } from '../platform/state.ts';
import type { ComputeVerb } from './target.ts';

/** What a verb does to a VM. */
export type VerbEffect =
  /** It becomes an event; `isAwaited`: the client is told when it is over. */
  | {
      readonly kind: 'event';
      readonly type: EventType;
      readonly source: 'User' | 'Platform';
      readonly description?: string;
      readonly isAwaited: boolean;
    }
  /** Nothing is announced: the VM is removed at once. */
  | { readonly kind: 'removal' }
  | { readonly kind: 'refused'; readonly message: string };

/**
 * Which event a user's operation becomes. `restart` and `redeploy` are documented (Scheduled Events, "User-initiated
 * maintenance"); a maintenance that the customer begins moves the VM to another host, hence Redeploy; a reimaged VM loses its
 * temporary disk and so does a redeployed one: the nearest type. A scale set announces deletes (Terminate notification);
 * for a VM that stands alone or in an availability set Azure announces nothing.
 */
export function verbEffect(verb: ComputeVerb, kind: ScopeKind): VerbEffect {
  switch (verb) {
    case 'restart':
      return { kind: 'event', type: 'Reboot', source: 'User', isAwaited: true };
    case 'redeploy':
    case 'performMaintenance':
      return { kind: 'event', type: 'Redeploy', source: 'User', isAwaited: true };
    case 'reimage':
      return {
        kind: 'event',
        type: 'Redeploy',
        source: 'User',
        description: 'Virtual machine is going to be reimaged as requested by authorized user.',
        isAwaited: true,
      };
    case 'simulateEviction':
      return { kind: 'event', type: 'Preempt', source: 'Platform', isAwaited: false };
    case 'deallocate':
    case 'delete':
      return kind === 'cloud-service'
        ? { kind: 'refused', message: 'an instance of a cloud service goes by scaling its role in' }
        : kind === 'scale-set'
          ? { kind: 'event', type: 'Terminate', source: 'User', isAwaited: true }
          : { kind: 'removal' };
    default:
      return verb satisfies never;
  }
}
