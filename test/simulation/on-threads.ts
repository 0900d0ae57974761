import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { addCampaigns, type CampaignSummary } from './campaign.ts';
import type { Mode } from './faults.ts';
import type { Finding } from './mutants/find.ts';

export type Task =
  | { readonly kind: 'campaign'; readonly mode: Mode; readonly first: number; readonly seeds: number }
  | { readonly kind: 'mutant'; readonly name: string; readonly seeds: number };

/** Seeds that a thread runs before it reports: a second or so. */
const CHUNK = 500;

interface CampaignOptions {
  readonly mode: Mode;
  readonly first: number;
  readonly seeds: number;
  /** Threads; by default one a processor. */
  readonly threads?: number | undefined;
  /** Told of what there is so far. */
  readonly progress?: (sum: CampaignSummary) => void;
}

/** Runs the seeds on several threads. The sum does not depend on how many. */
export async function campaignOnThreads(options: CampaignOptions): Promise<CampaignSummary> {
  const { mode, first, seeds } = options;
  const tasks: Task[] = [];
  for (let from = first; from < first + seeds; from += CHUNK)
    tasks.push({ kind: 'campaign', mode, first: from, seeds: Math.min(CHUNK, first + seeds - from) });
  let sum: CampaignSummary | undefined;
  await perform(tasks, options.threads, (result) => {
    const summary = result as CampaignSummary;
    sum = sum === undefined ? summary : addCampaigns(sum, summary);
    options.progress?.(sum);
  });
  if (sum === undefined) throw new Error('expected at least one seed');
  return sum;
}

/** Looks for mutants on several threads; in the order of their names' list. */
export async function mutantsOnThreads(
  names: readonly string[],
  options: { readonly seeds: number; readonly threads?: number | undefined },
): Promise<readonly Finding[]> {
  const found = new Map<string, Finding>();
  const tasks = names.map((name) => ({ kind: 'mutant', name, seeds: options.seeds }) as const);
  await perform(tasks, options.threads, (result) => {
    const finding = result as Finding;
    found.set(finding.mutant, finding);
  });
  return names.flatMap((name) => found.get(name) ?? []);
}

async function perform(
  tasks: readonly Task[],
  threads: number | undefined,
  take: (result: unknown) => void,
): Promise<void> {
  const waiting = [...tasks];
  const count = Math.min(waiting.length, threads ?? availableParallelism());
  await Promise.all(
    Array.from({ length: count }, async () => {
      await runThread(() => waiting.shift(), take);
    }),
  );
}

/** One thread, for as long as there are tasks. */
async function runThread(next: () => Task | undefined, take: (result: unknown) => void): Promise<void> {
  const worker = new Worker(new URL('worker.ts', import.meta.url));
  try {
    await new Promise<void>((resolve, reject) => {
      const give = (): void => {
        const task = next();
        if (task === undefined) resolve();
        else worker.postMessage(task, []);
      };
      worker.on('message', (message: { readonly result?: unknown; readonly error?: string }) => {
        if (message.error !== undefined || message.result === undefined) {
          reject(new Error(message.error ?? 'no result'));
          return;
        }
        take(message.result);
        give();
      });
      worker.on('error', reject);
      give();
    });
  } finally {
    await worker.terminate();
  }
}
