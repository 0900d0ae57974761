// One of the threads that campaigns and mutants are run on.
import { parentPort } from 'node:worker_threads';
import { runCampaign } from './campaign.ts';
import { findMutant } from './mutants/find.ts';
import { MUTANTS } from './mutants/mutants.ts';
import type { Task } from './on-threads.ts';

parentPort?.on('message', (task: Task) => {
  void perform(task).then(
    (result) => parentPort?.postMessage({ result }, []),
    (error: unknown) => parentPort?.postMessage({ error: error instanceof Error ? error.stack : String(error) }, []),
  );
});

async function perform(task: Task): Promise<unknown> {
  if (task.kind === 'campaign') return runCampaign(task.mode, task.first, task.seeds);
  const mutant = MUTANTS.find(({ name }) => name === task.name);
  if (mutant === undefined) throw new Error(`no mutant ${JSON.stringify(task.name)}`);
  return await findMutant(mutant, task.seeds);
}
