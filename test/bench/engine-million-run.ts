// Opens the store in the file, runs what is due in it, and tells its parent what that took.
import { openEngine } from './engine-rig.ts';
import type { MillionRun } from './engine-million.ts';

const [file = '', due = '0'] = process.argv.slice(2);
let performed = 0;
let allDone = (): void => {};
const done = new Promise<void>((resolve) => {
  allDone = resolve;
});
const beganMs = performance.now();
let ended = 0;
const rig = await openEngine(
  { kind: 'sqlite', file },
  {
    perform: async () => {
      performed += 1;
      return await Promise.resolve({ status: 'completed', message: 'done' });
    },
    ended: () => {
      if (++ended === Number(due)) allDone();
    },
  },
);
const before = process.cpuUsage();
await rig.engine.start();
const startMs = performance.now() - beganMs;
await done;
const used = process.cpuUsage(before);
const result: MillionRun = {
  startMs,
  rssBytes: process.memoryUsage().rss,
  cpuMsPerExecution: (used.user + used.system) / 1000 / performed,
};
await rig.close();
process.send?.(result);
process.disconnect();
