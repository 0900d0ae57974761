import { assertProven, playEvent } from './event-step.ts';
import type { Step } from './step.ts';

const VM = 'FrontEnd_IN_2';

/** The VM moves to another host: its disk goes with it, its temporary folder is lost. Proven by what the new process found. */
export const redeployStep: Step = {
  title: `(c) Redeploy ${VM}`,
  run: async (stage) => {
    const before = await stage.shop.frontEnd(VM);
    const notice = await playEvent(stage, {
      type: 'Redeploy',
      resources: [VM],
      description: 'Host is to be retired',
    });
    const after = await stage.shop.frontEnd(VM);
    const mark = `boot-${before.boot}`;
    assertProven(
      after.pid !== before.pid && after.found.disk.includes(mark) && after.found.temporary.length === 0,
      `a new process that finds ${mark} on its disk and nothing in its temporary folder`,
      `process ${after.pid} with [${after.found.disk.join(', ')}] and [${after.found.temporary.join(', ')}]`,
    );
    return [
      notice,
      `was process ${before.pid}, is ${after.pid}; its disk still had ${mark}, its temporary folder was empty`,
    ];
  },
};
