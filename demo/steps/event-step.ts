import { UserError } from '../../common/runtime/errors.ts';
import type { AnnouncedEvent, EventStory } from '../shop.ts';
import type { Proof, Stage } from './step.ts';

/** Announces an event, waits until it is over and the fleet is whole again, and says how the notice was used. */
export async function playEvent(stage: Stage, event: AnnouncedEvent): Promise<Proof> {
  const eventId = await stage.shop.announce(event);
  const story = await stage.shop.untilOver(eventId, stage.signal);
  await stage.shop.untilWhole(stage.signal);
  return describeNotice(story);
}

/**
 * `notice given 30.0 s, left at approval 26.1 s; approved by FrontEnd_IN_0`. Throws a `UserError` when nobody approved: the
 * event then only went ahead because its notice had run out, which is what the agents are there to spare everyone.
 */
function describeNotice(story: EventStory): Proof {
  const by = story.approvals.map((approval) => approval.by);
  if (by.length === 0 || story.noticeMs === null || story.noticeLeftMs === null) {
    throw new UserError('NOT_APPROVED', `event ${story.eventId} was approved by nobody before its notice ran out`);
  }
  return `notice given ${seconds(story.noticeMs)}, left at approval ${seconds(story.noticeLeftMs)}; approved by ${by.join(', ')}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Throws a `UserError` when an impact left no trace: then it was none, and the step has shown nothing. */
export function assertProven(isProven: boolean, expected: string, found: string): void {
  if (!isProven) throw new UserError('IMPACT_NOT_PROVEN', `expected ${expected}, found ${found}`);
}
