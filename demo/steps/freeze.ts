import { assertProven, playEvent } from './event-step.ts';
import type { Step } from './step.ts';

const VM = 'FrontEnd_IN_0';
const DURATION_SECONDS = 3;

/** One VM named, so its agent approves alone; proven by the clock of the frozen process. */
export const freezeStep: Step = {
  title: `(a) Freeze ${VM} for ${DURATION_SECONDS} s`,
  run: async (stage) => {
    const startedAtMs = stage.clock.now();
    const before = await stage.shop.clockOf(VM);
    const notice = await playEvent(stage, {
      type: 'Freeze',
      resources: [VM],
      durationSeconds: DURATION_SECONDS,
      description: 'Host network maintenance',
    });
    const after = await stage.shop.clockOf(VM);
    assertProven(
      after.pid === before.pid && after.endedAtMs >= startedAtMs && after.gapMs >= DURATION_SECONDS * 1000,
      `a gap of at least ${DURATION_SECONDS * 1000} ms in the clock of process ${before.pid}`,
      `${after.gapMs} ms in process ${after.pid}`,
    );
    return [notice, `process ${after.pid} of ${VM} saw a gap of ${after.gapMs} ms in its own clock, and lives on`];
  },
};
