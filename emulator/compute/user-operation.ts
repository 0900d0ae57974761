import type { RandomSource } from '../../common/runtime/random.ts';
import type { PlatformRunner } from '../platform-runner.ts';
import type { PlatformRefusal } from '../platform/effects.ts';
import type { ScopeKind, Vm } from '../platform/state.ts';
import type { VmRack } from '../vm-rack.ts';
import type { ComputeVerb } from './target.ts';
import { verbEffect, type VerbEffect } from './verb-event.ts';

/** What came of a user's operation on a VM. */
export type UserOperationOutcome =
  /** It is announced; `isAwaited`: whoever asked for it is told when it is over. */
  | { readonly kind: 'event'; readonly eventId: string; readonly isAwaited: boolean }
  /** It is done already: nothing announces that. */
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly reason: PlatformRefusal | 'not-for-this-vm'; readonly message: string };

export interface UserOperationContext {
  readonly runner: PlatformRunner;
  readonly random: RandomSource;
  /** Where VMs are stopped, started and removed without an event. */
  readonly rack: Pick<VmRack, 'remove' | 'stop' | 'start'>;
}

/** Does to a VM what its user does through portal, command line or compute API. */
export async function performUserOperation(
  verb: ComputeVerb,
  vm: Vm,
  context: UserOperationContext,
): Promise<UserOperationOutcome> {
  const { runner, random } = context;
  const isGone = runner.state.goneVms.has(vm.name.toLowerCase());
  const effect = effectOn(verb, runner.state.scopes.get(vm.scope)?.kind ?? 'stand-alone', isGone);
  if (effect.kind === 'refused') {
    return { kind: 'refused', reason: 'not-for-this-vm', message: `${verb} of ${vm.name}: ${effect.message}` };
  }
  if (effect.kind !== 'event') {
    await performAtOnce(effect, vm.name, context.rack);
    return { kind: 'done' };
  }
  const { type, source, description, isAwaited, leaves } = effect;
  const eventId = random.uuid().toUpperCase();
  const wanted = { kind: 'schedule', eventId, type, source, description, leaves, entry: 'announced' } as const;
  const outcome = runner.submit({ ...wanted, resources: [vm.name] });
  if (outcome.kind === 'refused') return { kind: 'refused', reason: outcome.reason, message: outcome.message };
  return { kind: 'event', eventId, isAwaited };
}

/** Of a VM that does not run nobody has to be warned. */
function effectOn(verb: ComputeVerb, kind: ScopeKind, isGone: boolean): VerbEffect {
  const effect = verbEffect(verb, kind);
  if (!isGone || effect.kind !== 'event') return effect;
  if (verb === 'delete') return { kind: 'removal' };
  return verb === 'deallocate' ? { kind: 'stop', as: 'deallocated' } : effect;
}

async function performAtOnce(
  effect: VerbEffect & { readonly kind: 'removal' | 'stop' | 'start' },
  vm: string,
  rack: UserOperationContext['rack'],
): Promise<void> {
  switch (effect.kind) {
    case 'removal':
      await rack.remove(vm);
      return;
    case 'stop':
      await rack.stop(vm, effect.as);
      return;
    case 'start':
      await rack.start(vm);
      return;
    default:
      effect satisfies never;
  }
}
