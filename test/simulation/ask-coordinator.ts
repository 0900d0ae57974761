import type { Observation } from '../../agent/core/observation.ts';
import { LEASE_RETRY_MS } from '../../common/agreement/record.ts';
import type { World } from './world.ts';

/** Answers come after this long at the most when nothing is wrong. */
const QUICK_MS = 40;

/** A command that its sender has given up can still be in somebody's buffer for so long. */
const LATE_MS = 8000;

/**
 * A question of one VM to the coordinator: it, or its answer, can be lost on the way or be late. Answered once, in any case;
 * a command that comes late is applied all the same.
 */
export function askCoordinator(
  world: World,
  canTalk: () => boolean,
  question: { readonly id: number; answer(): Observation; tell(observation: Observation): void },
): void {
  const { id } = question;
  const { faults } = world;
  const tell = (ms: number, observation: Observation): void => {
    world.time.after(ms, () => {
      question.tell(observation);
    });
  };
  if (!canTalk() || world.strikes('command lost', faults.lostAnswers / 2)) {
    tell(LEASE_RETRY_MS, { kind: 'unanswered', id });
    return;
  }
  if (world.strikes('command late', faults.lateCommands)) {
    tell(LEASE_RETRY_MS, { kind: 'unanswered', id });
    world.time.after(world.between(LEASE_RETRY_MS, LATE_MS), () => {
      if (world.coordinator.isUp()) question.answer();
    });
    return;
  }
  world.time.after(world.between(1, QUICK_MS), () => {
    if (!world.coordinator.isUp()) {
      tell(LEASE_RETRY_MS, { kind: 'unanswered', id });
      return;
    }
    const observation = question.answer();
    if (!canTalk() || world.strikes('answer lost', faults.lostAnswers / 2))
      tell(LEASE_RETRY_MS, { kind: 'unanswered', id });
    else if (world.strikes('answer late', faults.lateAnswers))
      tell(world.between(QUICK_MS, LEASE_RETRY_MS), observation);
    else tell(world.between(1, QUICK_MS), observation);
  });
}
