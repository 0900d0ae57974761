import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { describeError, systemErrorCode } from '../../common/runtime/errors.ts';
import { openJournal } from '../journal/journal.ts';
import type { AgentSettings } from '../settings.ts';
import { ok, unknown, warning, wrong, type Finding } from './finding.ts';

/** The journal is half a megabyte at most, and written anew beside the old one. */
const MIN_FREE_BYTES = 16 * 1024 * 1024;

/** Can the agent keep its promises on disk, and be talked to? */
export async function checkPlaces(settings: AgentSettings): Promise<readonly Finding[]> {
  return [await checkState(settings.state), await checkSocketFolder(path.dirname(settings.socket))];
}

/** Whose files the agent believes: the owner of its state folder, since the doctor may be asked by root. */
export async function agentUserId(state: string, ownUserId: number): Promise<number> {
  try {
    return (await stat(state)).uid;
  } catch {
    return ownUserId;
  }
}

async function checkState(folder: string): Promise<Finding> {
  const mend = `create it for the user that the agent runs as (systemd does: StateDirectory=), or change the setting state`;
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < MIN_FREE_BYTES)
      return wrong(
        'state',
        `${folder} has ${Math.round((bavail * bsize) / 1024)} kB left`,
        'without a journal nothing is promised or approved: free some space',
      );
    const journal = await openJournal(folder);
    await journal.close();
    if (journal.isDamaged)
      return warning(
        'state',
        `the journal in ${folder} holds nothing that can be read`,
        'the agent starts drained and asks the coordinator; look at the disk',
      );
    const live = journal.found?.events.filter((event) => event.promise !== 'released').length ?? 0;
    return ok('state', `${folder} can be written; ${live} promises are in the journal`);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return warning('state', `${folder} does not exist yet`, mend);
    return wrong('state', `${folder}: ${describeError(error)}`, mend);
  }
}

async function checkSocketFolder(folder: string): Promise<Finding> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return ok('socket', `${folder} can be written`);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT')
      return unknown(
        'socket',
        `${folder} does not exist yet`,
        'systemd creates it (RuntimeDirectory=); elsewhere the agent does',
      );
    return wrong(
      'socket',
      describeError(error),
      'run the doctor as the user of the agent or as root, or change the setting socket',
    );
  }
}
