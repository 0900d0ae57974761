import { assertProven } from './event-step.ts';
import type { Stage, Step } from './step.ts';

const VMS = ['FrontEnd_IN_0', 'FrontEnd_IN_1', 'FrontEnd_IN_2'];
const NEW_VERSION = '2';
/** How often to count who is out of service. A VM is out for seconds. */
const COUNT_MS = 100;

/** A job of the scheduler over a whole role, one VM at a time. Proven by the version that every instance then answers with. */
export const rollStep: Step = {
  title: '(d) Roll the maintenance job "patch" over FrontEnd, one VM at a time',
  run: async (stage) => {
    const before = await versions(stage);
    assertProven(!before.includes(NEW_VERSION), 'an older version everywhere', before.join(', '));
    const counting = new AbortController();
    const mostOut = countMostOut(stage, counting.signal);
    // Looked at below; until then a failure of it must not count as one that nobody looks at.
    mostOut.catch(() => {});
    try {
      const end = await stage.shop.runJob('patch-front-end', 'patch-front-end.json', stage.signal);
      assertProven(end.status.toLowerCase() === 'completed', 'the job to complete', `${end.status}: ${end.message}`);
      await stage.shop.untilWhole(stage.signal);
    } finally {
      counting.abort();
    }
    const after = await versions(stage);
    assertProven(
      after.every((version) => version === NEW_VERSION),
      `version ${NEW_VERSION} everywhere`,
      after.join(', '),
    );
    const most = await mostOut;
    assertProven(most === 1, 'one VM out of service at a time', `${most}`);
    return [
      `version ${NEW_VERSION} answers on ${VMS.join(', ')} (before: ${before.join(', ')}); never more than one was out`,
    ];
  },
};

async function versions(stage: Stage): Promise<readonly string[]> {
  return await Promise.all(VMS.map(async (vm) => (await stage.shop.frontEnd(vm)).version));
}

async function countMostOut(stage: Stage, counting: AbortSignal): Promise<number> {
  let most = 0;
  while (!counting.aborted && !stage.signal.aborted) {
    most = Math.max(most, await stage.shop.countOut('FrontEnd'));
    await stage.clock.sleep(COUNT_MS, counting);
  }
  return most;
}
