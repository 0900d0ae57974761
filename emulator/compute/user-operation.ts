import type { RandomSource } from '../../common/runtime/random.ts';
import type { PlatformRunner } from '../platform-runner.ts';
import type { PlatformRefusal } from '../platform/effects.ts';
import type { Vm } from '../platform/state.ts';
import type { ComputeVerb } from './target.ts';
import { verbEffect } from './verb-event.ts';

/** What came of a user's operation on a VM. */
export type UserOperationOutcome =
  /** It is announced; `isAwaited`: whoever asked for it is told when it is over. */
  | { readonly kind: 'event'; readonly eventId: string; readonly isAwaited: boolean }
  /** The VM is gone already: nothing announces that. */
  | { readonly kind: 'removed' }
  | { readonly kind: 'refused'; readonly reason: PlatformRefusal | 'not-for-this-vm'; readonly message: string };

export interface UserOperationContext {
  readonly runner: PlatformRunner;
  readonly random: RandomSource;
  /** Takes a VM out of the fleet, without an event. */
  readonly removeVm: (name: string) => Promise<void>;
}

/** Does to a VM what its user does through portal, command line or compute API. */
export async function performUserOperation(
  verb: ComputeVerb,
  vm: Vm,
  context: UserOperationContext,
): Promise<UserOperationOutcome> {
  const { runner, random } = context;
  const effect = verbEffect(verb, runner.state.scopes.get(vm.scope)?.kind ?? 'stand-alone');
  if (effect.kind === 'refused') {
    return { kind: 'refused', reason: 'not-for-this-vm', message: `${verb} of ${vm.name}: ${effect.message}` };
  }
  if (effect.kind === 'removal') {
    await context.removeVm(vm.name);
    return { kind: 'removed' };
  }
  const { type, source, description, isAwaited } = effect;
  const eventId = random.uuid().toUpperCase();
  const wanted = { kind: 'schedule', eventId, type, source, description, entry: 'announced' } as const;
  const outcome = runner.submit({ ...wanted, resources: [vm.name] });
  if (outcome.kind === 'refused') return { kind: 'refused', reason: outcome.reason, message: outcome.message };
  return { kind: 'event', eventId, isAwaited };
}
