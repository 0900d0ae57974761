import path from 'node:path';
import { startForewarn, startProgram } from '../support/program.ts';
import { median, type Figure } from './figures.ts';
import { countAnswers } from './request-load.ts';

const ROUNDS = 5;
const SLICE_MS = 1000;

/**
 * GETs of an unchanged document per second, beside a bare node:http server that returns the same bytes. The two take turns
 * of a second each, because the machine's speed drifts; the ratio is the median of the ratios of neighbouring turns.
 */
export async function measureMetadataThroughput(): Promise<Figure> {
  const emulator = await startForewarn(['emulator', '--fleet', path.join(import.meta.dirname, 'one-vm.yaml')]);
  const [vm] = emulator.ready['vms'] as { metadata: string }[];
  const url = new URL('/metadata/scheduledevents?api-version=2020-07-01', vm?.metadata);
  const document = await (await fetch(url, { headers: { Metadata: 'true' } })).text();
  const bare = await startProgram([
    path.join(import.meta.dirname, 'bare-server.ts'),
    Buffer.from(document).toString('base64'),
  ]);
  const limitUrl = new URL(
    `http://127.0.0.1:${String(bare.ready['port'])}/metadata/scheduledevents?api-version=2020-07-01`,
  );
  try {
    await countAnswers(url, SLICE_MS);
    await countAnswers(limitUrl, SLICE_MS);
    const rounds: { ours: number; limit: number }[] = [];
    for (let round = 0; round < ROUNDS; round++)
      rounds.push({ ours: await countAnswers(url, SLICE_MS), limit: await countAnswers(limitUrl, SLICE_MS) });
    return {
      name: `GET of an unchanged document (${document.length} bytes), one process`,
      ours: `${Math.round(median(rounds.map((round) => round.ours)))} requests/s`,
      limit: `${Math.round(median(rounds.map((round) => round.limit)))} requests/s (bare node:http, same bytes)`,
      ratio: median(rounds.map((round) => round.ours / round.limit)).toFixed(2),
    };
  } finally {
    await emulator.stop();
    await bare.stop();
  }
}
