import type { VmIdentity } from '../../common/protocol/messages.ts';
import { vmKey } from '../vm-key.ts';
import type { Coordination, CoordinationParts } from './coordination.ts';
import { mayLeave } from './leaving.ts';

/** A VM that is still held is spoken of again after this long. */
const TELL_AGAIN_MS = 10 * 60_000;

interface Answer {
  readonly granted: boolean;
  readonly detail: string;
}

/** Answers VMs that ask whether their role can do without them (`Coordination.mayLeave`); rejects when the store fails. */
export function createLeave(
  parts: CoordinationParts,
  claimedKeys: () => ReadonlySet<string>,
): Coordination['mayLeave'] {
  const { grants, clock, publish, log } = parts;
  /** VMs whose refusal was said, and when: they ask every few seconds. */
  const told = new Map<string, number>();
  const say = (key: string, { name, role }: VmIdentity, { granted, detail }: Answer): void => {
    const now = clock.now();
    if (granted) told.delete(key);
    if (granted || now - (told.get(key) ?? Number.NEGATIVE_INFINITY) <= TELL_AGAIN_MS) return;
    told.set(key, now);
    publish({ kind: 'vm.held', vm: name, detail: `stays in service for now: ${detail}` });
    log.warn({ vm: name, role, detail }, 'a VM that an event names cannot be spared');
  };
  return async (identity, minimum, vms) => {
    const vm = { key: vmKey(identity.scope, identity.name), scope: identity.scope, role: identity.role };
    let answer: Answer = { granted: false, detail: 'not decided' };
    await grants.change(vm, (before) => {
      const fleet = { vms, claimed: claimedKeys(), grants: before, now: clock.now() };
      const { grants: after, granted, detail } = mayLeave(vm, minimum, fleet);
      answer = { granted, detail };
      return after;
    });
    say(vm.key, identity, answer);
    return answer;
  };
}
