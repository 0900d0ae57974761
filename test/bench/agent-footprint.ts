import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startForewarn, startProgram, type RunningProgram } from '../support/program.ts';
import { median, type Figure } from './figures.ts';
import { processorSeconds, residentBytes } from './process-figures.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

const PER_SECOND = 50;
const POLLS = { usual: 5000, full: 20_000 };
/** Polls until start-up is over: what loading took is not what a poll takes. */
const WARM_UP_POLLS = 250;
/** The quickest of so many counts: what else runs on the machine can only make a start longer. */
const STARTS = 9;

/** What the agent promises, as parts of what the program that only polls takes. */
const MAX_MEMORY = 1.3;
const MAX_CPU = 1.5;
const MAX_READY_MS = 400;
/** No growth: in the last of a hundred thousand polls there is no more than noise beyond what there was in the first. */
const MAX_GROWTH = 1.05;
const GROWTH = { perSecond: 500, polls: 100_000 };

const MB = 1e6;

/**
 * The agent as it is published (built, not from the sources), alone on its VM with a gate, beside a program that does nothing
 * but poll the same endpoint as often. `isFull` takes ten minutes, and looks for growth too.
 */
export async function measureAgentFootprint(isFull: boolean): Promise<readonly Figure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-bench-'));
  try {
    const cli = buildPackage(folder);
    const cloud = await startCloud(folder);
    try {
      const figures = [
        ...(await measureReady(cli, folder, cloud)),
        ...(await measurePolls(cli, folder, cloud, isFull)),
      ];
      return isFull ? [...figures, await measureGrowth(cli, folder, cloud)] : figures;
    } finally {
      await cloud.program.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Cloud {
  readonly program: RunningProgram;
  readonly metadata: readonly string[];
}

/** What `npm pack` would publish, in a folder of its own. */
function buildPackage(folder: string): string {
  const target = path.join(folder, 'package');
  const compiler = path.join(ROOT, 'node_modules', '.bin', 'tsc');
  const built = spawnSync(compiler, ['-p', 'tsconfig.build.json', '--outDir', path.join(target, 'dist')], {
    cwd: ROOT,
  });
  if (built.status !== 0) throw new Error(`the build failed:\n${built.stdout.toString()}`);
  copyFileSync(path.join(ROOT, 'package.json'), path.join(target, 'package.json'));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(target, 'node_modules'));
  return path.join(target, 'dist', 'cli.js');
}

async function startCloud(folder: string): Promise<Cloud> {
  const file = path.join(folder, 'fleet.yaml');
  writeFileSync(
    file,
    'control: 127.0.0.1:0\nhost: none\nmetadata: { requestsPerSecond: 0 }\nvms: [{ name: ours }, { name: limit }]\n',
  );
  const program = await startForewarn(['emulator', '--fleet', file]);
  return { program, metadata: (program.ready['vms'] as { metadata: string }[]).map((vm) => vm.metadata) };
}

async function startAgent(cli: string, folder: string, cloud: Cloud, pollMs: number): Promise<RunningProgram> {
  const config = path.join(folder, 'agent.yaml');
  writeFileSync(
    config,
    `metadata: { endpoint: "${cloud.metadata[0]}", poll: ${pollMs}ms }
state: ./state
socket: ./agent.sock
gate: { listen: "127.0.0.1:0", detection: 1s }
`,
  );
  return await startProgram([cli, 'agent', '--config', config]);
}

async function startLimit(cloud: Cloud, pollMs: number): Promise<RunningProgram> {
  const url = `${cloud.metadata[1]}/metadata/scheduledevents?api-version=2020-07-01`;
  return await startProgram([path.join(import.meta.dirname, 'bare-poller.mjs'), url, `${pollMs}`]);
}

async function measureReady(cli: string, folder: string, cloud: Cloud): Promise<readonly Figure[]> {
  const timed = async (start: () => Promise<RunningProgram>): Promise<number> => {
    const beganMs = performance.now();
    const program = await start();
    const tookMs = performance.now() - beganMs;
    await program.stop();
    return tookMs;
  };
  const ours: number[] = [];
  const limit: number[] = [];
  for (let round = 0; round < STARTS; round++) {
    ours.push(await timed(async () => await startAgent(cli, folder, cloud, 1000)));
    limit.push(await timed(async () => await startLimit(cloud, 1000)));
  }
  const tookMs = Math.min(...ours);
  return [
    {
      name: `Agent: from its start to its ready line (quickest of ${STARTS}; median ${Math.round(median(ours))} ms)`,
      ours: `${Math.round(tookMs)} ms`,
      limit: `${MAX_READY_MS} ms is promised; a program that only polls: ${Math.round(Math.min(...limit))} ms, median ${Math.round(median(limit))} ms`,
      ratio: (tookMs / MAX_READY_MS).toFixed(2),
      isKept: tookMs <= MAX_READY_MS,
    },
  ];
}

async function measurePolls(cli: string, folder: string, cloud: Cloud, isFull: boolean): Promise<readonly Figure[]> {
  const polls = isFull ? POLLS.full : POLLS.usual;
  const agent = await startAgent(cli, folder, cloud, 1000 / PER_SECOND);
  const limit = await startLimit(cloud, 1000 / PER_SECOND);
  try {
    await sleep((WARM_UP_POLLS / PER_SECOND) * 1000);
    const read = (program: RunningProgram): { seconds: number; bytes: number } => ({
      seconds: processorSeconds(program.child.pid ?? 0),
      bytes: residentBytes(program.child.pid ?? 0),
    });
    const before = { ours: read(agent), limit: read(limit) };
    await sleep((polls / PER_SECOND) * 1000);
    const after = { ours: read(agent), limit: read(limit) };
    const microseconds = {
      ours: ((after.ours.seconds - before.ours.seconds) / polls) * 1e6,
      limit: ((after.limit.seconds - before.limit.seconds) / polls) * 1e6,
    };
    const cpu = microseconds.ours / microseconds.limit;
    const memory = (name: string, ours: number, bare: number): Figure => ({
      name,
      ours: `${(ours / MB).toFixed(1)} MB`,
      limit: `${MAX_MEMORY} times ${(bare / MB).toFixed(1)} MB (a program that only polls) is promised`,
      ratio: (ours / bare).toFixed(2),
      isKept: ours <= MAX_MEMORY * bare,
    });
    return [
      memory(`Agent: resident memory after ${WARM_UP_POLLS} polls`, before.ours.bytes, before.limit.bytes),
      memory(`Agent: resident memory after ${polls} polls`, after.ours.bytes, after.limit.bytes),
      {
        name: `Agent: processor time of a poll, over ${polls} polls at ${PER_SECOND}/s`,
        ours: `${Math.round(microseconds.ours)} µs`,
        limit: `${MAX_CPU} times ${Math.round(microseconds.limit)} µs (a program that only polls) is promised`,
        ratio: cpu.toFixed(2),
        isKept: cpu <= MAX_CPU,
      },
    ];
  } finally {
    await agent.stop();
    await limit.stop();
  }
}

async function measureGrowth(cli: string, folder: string, cloud: Cloud): Promise<Figure> {
  const agent = await startAgent(cli, folder, cloud, 1000 / GROWTH.perSecond);
  try {
    const bytes: number[] = [];
    // The least of each half: what is there right after a collection is what is kept.
    for (let half = 0; half < 2; half++) {
      let least = Infinity;
      for (let look = 0; look < 50; look++) {
        await sleep(((GROWTH.polls / GROWTH.perSecond) * 1000) / 100);
        least = Math.min(least, residentBytes(agent.child.pid ?? 0));
      }
      bytes.push(least);
    }
    const [first = Number.NaN] = bytes;
    const last = bytes.at(-1) ?? Number.NaN;
    return {
      name: `Agent: resident memory in the second half of ${GROWTH.polls} polls, beside the first`,
      ours: `${(last / MB).toFixed(1)} MB`,
      limit: `${MAX_GROWTH} times ${(first / MB).toFixed(1)} MB`,
      ratio: (last / first).toFixed(2),
      isKept: last <= MAX_GROWTH * first,
    };
  } finally {
    await agent.stop();
  }
}
