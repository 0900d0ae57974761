import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { callOnce, fillStore } from './engine-rig.ts';
import type { Figure } from './figures.ts';

/** What `engine-million-run.ts` tells about one store. */
export interface MillionRun {
  readonly startMs: number;
  readonly rssBytes: number;
  readonly cpuMsPerExecution: number;
}

const DUE = 5000;

/** Start, memory and cost per execution with a million stored jobs beside those with a thousand. */
export async function measureMillionJobs(): Promise<readonly Figure[]> {
  const many = await measure(1_000_000);
  const few = await measure(1000);
  return [
    {
      name: 'start with a million stored jobs (SQLite)',
      ours: `${many.startMs.toFixed(0)} ms, ${(many.rssBytes / 1e6).toFixed(0)} MB afterwards`,
      limit: '5000 ms, 500 MB (goal)',
      ratio: (many.startMs / 5000).toFixed(2),
      isKept: many.startMs <= 5000 && many.rssBytes <= 500e6,
    },
    {
      name: `CPU per execution with a million stored jobs (${DUE} due, no-op action)`,
      ours: `${(many.cpuMsPerExecution * 1000).toFixed(0)} µs`,
      limit: `${(few.cpuMsPerExecution * 1000).toFixed(0)} µs with a thousand`,
      ratio: `${(many.cpuMsPerExecution / few.cpuMsPerExecution).toFixed(2)} (goal 1.3)`,
      isKept: many.cpuMsPerExecution / few.cpuMsPerExecution <= 1.3,
    },
  ];
}

async function measure(idle: number): Promise<MillionRun> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-bench-'));
  try {
    const file = path.join(folder, 'bench.db');
    const definition = callOnce('http://127.0.0.1:1/');
    const farMs = Date.now() + 86_400_000;
    await fillStore({ kind: 'sqlite', file }, [
      { prefix: 'idle', count: idle, definition, dueMs: (index) => farMs + index },
      { prefix: 'due', count: DUE, definition, dueMs: (index) => 1 + index },
    ]);
    // A process of its own: what filling it took is not counted.
    const child: ChildProcess = fork(path.join(import.meta.dirname, 'engine-million-run.ts'), [file, `${DUE}`]);
    const [result] = (await once(child, 'message')) as [MillionRun];
    await once(child, 'exit');
    return result;
  } finally {
    await rm(folder, { recursive: true });
  }
}
