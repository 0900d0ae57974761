import { readFile } from 'node:fs/promises';
import { systemErrorCode } from '../../common/runtime/errors.ts';

/** What nginx calls its workers (they set their title), and those that only finish what they have. */
const WORKER = 'nginx: worker process';
const LEAVING = 'nginx: worker process is shutting down';

export interface NginxWorker {
  readonly pid: number;
  /** It serves the connections that it has, by the configuration of its time, and takes no new ones. */
  readonly isLeaving: boolean;
}

/** The workers of the nginx whose master wrote `pidFile`. Rejects when it does not run: then nobody can tell. */
export async function readWorkers(pidFile: string): Promise<readonly NginxWorker[]> {
  const master = Number((await readFile(pidFile, 'utf8')).trim());
  if (!Number.isInteger(master) || master <= 1) throw new Error(`${pidFile} holds no process id`);
  const children = await readFile(`/proc/${master}/task/${master}/children`, 'utf8');
  const workers: NginxWorker[] = [];
  for (const child of children.split(' ').filter(Boolean)) {
    const title = await readTitle(child);
    if (title.startsWith(WORKER)) workers.push({ pid: Number(child), isLeaving: title.startsWith(LEAVING) });
  }
  return workers;
}

/** Empty when the process has gone since. */
async function readTitle(pid: string): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
