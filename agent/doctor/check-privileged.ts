import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describeError, systemErrorCode } from '../../common/runtime/errors.ts';
import { TASK_NAME } from '../../common/protocol/messages.ts';
import { HOOK_PHASES } from '../core/hook-phase.ts';
import { checkFile } from '../hooks/check-file.ts';
import { listHooks } from '../hooks/list-hooks.ts';
import { readDeclaration } from '../hooks/task-declaration.ts';
import type { AgentSettings } from '../settings.ts';
import { ok, wrong, type Finding } from './finding.ts';

const OWNERSHIP = 'it would not be run: chown root, chmod go-w +x, the file and every folder above it';

/**
 * Would what needs root be run, if it came to it? `rootId` is who must own the files. The unit behind the socket is not asked,
 * because that would start a process.
 */
export async function checkPrivileged(
  settings: Pick<AgentSettings, 'privileged' | 'commands'>,
  rootId = 0,
): Promise<readonly Finding[]> {
  const { privileged } = settings;
  if (privileged === undefined) return [];
  const { folder } = privileged;
  const files: string[] = settings.commands.flatMap((command) => ('action' in command ? [command.action] : []));
  const findings: Finding[] = [];
  for (const phase of HOOK_PHASES) {
    const names = await listHooks(path.join(folder, phase));
    if (typeof names === 'string')
      findings.push(wrong(`privileged ${phase}`, names, 'rename or remove it: nothing is passed over silently'));
    else files.push(...names.map((name) => path.join(phase, name)));
  }
  const tasks = await listTasks(path.join(folder, 'tasks'));
  if (typeof tasks === 'string') findings.push(wrong('privileged tasks', tasks, 'mend the rights of the folder'));
  else files.push(...tasks.map((name) => path.join('tasks', name)));
  for (const relative of new Set(files)) {
    const trouble = await whyNotRun(folder, relative, rootId);
    if (trouble !== undefined) findings.push(wrong(`privileged ${relative}`, trouble, OWNERSHIP));
  }
  findings.push(...(await checkSocket(privileged.socket)));
  return findings.length > 0 ? findings : [ok('privileged', `${files.length} files in ${folder} can be run as root`)];
}

async function whyNotRun(root: string, relative: string, ownUserId: number): Promise<string | undefined> {
  const checked = await checkFile({ root, relative, ownUserId, mustBeExecutable: true });
  if (checked.kind === 'missing') return `there is no ${path.join(root, relative)}`;
  if (checked.kind === 'refused') return checked.reason;
  if (path.dirname(relative) !== 'tasks') return undefined;
  const declaration = await readDeclaration(root, relative, ownUserId);
  return typeof declaration === 'string' ? declaration : undefined;
}

async function listTasks(folder: string): Promise<readonly string[] | string> {
  try {
    return (await readdir(folder)).filter((name) => TASK_NAME.test(name));
  } catch (error) {
    return systemErrorCode(error) === 'ENOENT' ? [] : describeError(error);
  }
}

async function checkSocket(socket: string): Promise<readonly Finding[]> {
  try {
    await access(socket, constants.W_OK);
    return [];
  } catch (error) {
    const isMissing = systemErrorCode(error) === 'ENOENT';
    return [
      wrong(
        'privileged socket',
        isMissing ? `there is no ${socket}` : describeError(error),
        isMissing
          ? 'systemctl enable --now forewarn-privileged.socket, or take the setting privileged out of the file'
          : 'run the doctor as the user of the agent or as root; the socket belongs to the group forewarn',
      ),
    ];
  }
}
