import { assertProven, playEvent } from './event-step.ts';
import type { Step } from './step.ts';

const WEB = 'FrontEnd_IN_1';
const WORKER = 'BackEnd_IN_1';

/** Two VMs of one update domain in one event: nobody may approve until both have promised. Proven by new processes. */
export const rebootStep: Step = {
  title: `(b) Reboot ${WEB} and ${WORKER}, update domain 1, in one event`,
  run: async (stage) => {
    const before = { web: await stage.shop.frontEnd(WEB), worker: await stage.shop.worker(WORKER) };
    const notice = await playEvent(stage, {
      type: 'Reboot',
      resources: [WEB, WORKER],
      description: 'Host operating system update',
    });
    const after = { web: await stage.shop.frontEnd(WEB), worker: await stage.shop.worker(WORKER) };
    for (const role of ['web', 'worker'] as const) {
      assertProven(
        after[role].pid !== before[role].pid && after[role].boot === before[role].boot + 1,
        `${role === 'web' ? WEB : WORKER} in another process than ${before[role].pid}, after one more boot`,
        `process ${after[role].pid}, boot ${after[role].boot}`,
      );
    }
    return [
      notice,
      `${WEB} was process ${before.web.pid}, is ${after.web.pid}; ${WORKER} was ${before.worker.pid}, is ${after.worker.pid}`,
    ];
  },
};
