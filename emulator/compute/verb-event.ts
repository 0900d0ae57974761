import type { EventType, GoneAs, ScopeKind } from '../platform/state.ts';
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
      readonly leaves?: GoneAs;
    }
  /** Nothing is announced: the VM is stopped at once, or started again. */
  | { readonly kind: 'stop'; readonly as: 'stopped' | 'deallocated' }
  | { readonly kind: 'start' }
  /** Nothing is announced: the VM is removed at once. */
  | { readonly kind: 'removal' }
  | { readonly kind: 'refused'; readonly message: string };

/**
 * Which event a user's operation becomes. `restart` and `redeploy` are documented (Scheduled Events, "User-initiated
 * maintenance"); a maintenance that the customer begins moves the VM to another host, hence Redeploy; a reimaged VM loses its
 * temporary disk and so does a redeployed one: the nearest type. A scale set announces deletes (Terminate notification);
 * for a VM that stands alone or in an availability set Azure announces nothing. Stopping and starting it announces nowhere.
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
    case 'start':
    case 'powerOff':
    case 'deallocate':
    case 'delete':
      return kind === 'cloud-service' ? REFUSED : presenceEffect(verb, kind);
    default:
      return verb satisfies never;
  }
}

const REFUSED: VerbEffect = {
  kind: 'refused',
  message: 'an instance of a cloud service goes by scaling its role in',
};

function presenceEffect(verb: 'start' | 'powerOff' | 'deallocate' | 'delete', kind: ScopeKind): VerbEffect {
  const terminate = { kind: 'event', type: 'Terminate', source: 'User', isAwaited: true } as const;
  switch (verb) {
    case 'start':
      return { kind: 'start' };
    case 'powerOff':
      return { kind: 'stop', as: 'stopped' };
    case 'deallocate':
      return kind === 'scale-set' ? { ...terminate, leaves: 'deallocated' } : { kind: 'stop', as: 'deallocated' };
    case 'delete':
      return kind === 'scale-set' ? terminate : { kind: 'removal' };
    default:
      return verb satisfies never;
  }
}
