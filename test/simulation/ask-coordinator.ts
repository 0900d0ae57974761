import type { Observation } from '../../agent/core/observation.ts';
import { LEASE_RETRY_MS } from '../../common/agreement/record.ts';
import type { World } from './world.ts';

/** Answers come after this long at the most when nothing is wrong. */
const QUICK_MS = 40;

/** A question of one VM to the coordinator: it, or its answer, can be lost on the way. Answered once, in any case. */
export function askCoordinator(
  world: World,
  canTalk: () => boolean,
  question: { readonly id: number; answer(): Observation; tell(observation: Observation): void },
): void {
  const { id } = question;
  const tell = (ms: number, observation: Observation): void => {
    world.time.after(ms, () => {
      question.tell(observation);
    });
  };
  const isLost = (): boolean => !canTalk() || world.happens(world.faults.lostAnswers / 2);
  if (isLost()) {
    tell(LEASE_RETRY_MS, { kind: 'unanswered', id });
    return;
  }
  world.time.after(world.between(1, QUICK_MS), () => {
    if (!world.isCoordinatorUp()) {
      tell(LEASE_RETRY_MS, { kind: 'unanswered', id });
      return;
    }
    const observation = question.answer();
    tell(isLost() ? LEASE_RETRY_MS : world.between(1, QUICK_MS), isLost() ? { kind: 'unanswered', id } : observation);
  });
}
