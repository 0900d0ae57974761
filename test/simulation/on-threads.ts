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
  /** Told of what there is so far. */
  readonly progress?: (sum: CampaignSummary) => void;
}

/** Threads that share what there is to do; by default one a processor. Each has loaded everything once. */
export class Threads {
  readonly #workers: readonly Worker[];

  constructor(count: number = availableParallelism()) {
    this.#workers = Array.from({ length: count }, () => new Worker(new URL('worker.ts', import.meta.url)));
  }

  /** Runs the seeds. The sum does not depend on how many threads there are. */
  async campaign(options: CampaignOptions): Promise<CampaignSummary> {
    const { mode, first, seeds } = options;
    const tasks: Task[] = [];
    for (let from = first; from < first + seeds; from += CHUNK)
      tasks.push({ kind: 'campaign', mode, first: from, seeds: Math.min(CHUNK, first + seeds - from) });
    let sum: CampaignSummary | undefined;
    await this.#perform(tasks, (result) => {
      const summary = result as CampaignSummary;
      sum = sum === undefined ? summary : addCampaigns(sum, summary);
      options.progress?.(sum);
    });
    if (sum === undefined) throw new Error('expected at least one seed');
    return sum;
  }

  /** Looks for mutants; answers in the order of their names. */
  async mutants(names: readonly string[], seeds: number): Promise<readonly Finding[]> {
    const found = new Map<string, Finding>();
    const tasks = names.map((name) => ({ kind: 'mutant', name, seeds }) as const);
    await this.#perform(tasks, (result) => {
      const finding = result as Finding;
      found.set(finding.mutant, finding);
    });
    return names.flatMap((name) => found.get(name) ?? []);
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map(async (worker) => await worker.terminate()));
  }

  async #perform(tasks: readonly Task[], take: (result: unknown) => void): Promise<void> {
    const waiting = [...tasks];
    await Promise.all(
      this.#workers.map(async (worker) => {
        for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) take(await ask(worker, task));
      }),
    );
  }
}

/** One task at a time. */
async function ask(worker: Worker, task: Task): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const answer = (message: { readonly result?: unknown; readonly error?: string }): void => {
      worker.off('error', reject);
      if (message.error === undefined) resolve(message.result);
      else reject(new Error(message.error));
    };
    worker.once('message', answer);
    worker.once('error', reject);
    worker.postMessage(task, []);
  });
}
