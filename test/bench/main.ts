// Speed, each figure beside a limit or a peer measured in the same run: npm run bench
// Some of them only: npm run bench -- agent-footprint detection-delay; longer and with growth: --full
import { measureAgentFootprint } from './agent-footprint.ts';
import { measureDetectionDelay } from './detection-delay.ts';
import { measureStartLag } from './engine-lag.ts';
import { measureMillionJobs } from './engine-million.ts';
import { measureQueues } from './engine-queues.ts';
import { measureEngineThroughput } from './engine-throughput.ts';
import { formatFigures, type Figure } from './figures.ts';
import { measureMetadataFleet } from './metadata-fleet.ts';
import { measureMetadataThroughput } from './metadata-throughput.ts';
import { measureRecurrence } from './recurrence.ts';

const words = process.argv.slice(2);
const isFull = words.includes('--full');

const BENCHES: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  recurrence: async () => measureRecurrence(),
  'metadata-throughput': async () => [await measureMetadataThroughput()],
  'metadata-fleet': async () => await measureMetadataFleet(),
  'detection-delay': async () => [await measureDetectionDelay()],
  'engine-lag': async () => [await measureStartLag()],
  'engine-throughput': async () => [await measureEngineThroughput()],
  'engine-queues': async () => await measureQueues(),
  // Half a minute and half a gigabyte: only when asked for by name, or with --full.
  'engine-million': async () => (isFull || wanted.includes('engine-million') ? await measureMillionJobs() : []),
  'agent-footprint': async () => await measureAgentFootprint(isFull),
};

const wanted = words.filter((word) => !word.startsWith('--'));
const unknown = wanted.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0 || words.some((word) => word.startsWith('--') && word !== '--full')) {
  process.stderr.write(`expected --full or some of ${Object.keys(BENCHES).join(', ')}, got ${words.join(' ')}\n`);
  process.exitCode = 2;
} else {
  for (const [name, measure] of Object.entries(BENCHES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const figures = await measure();
    if (figures.length > 0) process.stdout.write(`${formatFigures(figures)}\n`);
    // A promise that is broken fails the run; a peer that is faster does not.
    if (figures.some((figure) => figure.isKept === false)) process.exitCode = 1;
  }
}
