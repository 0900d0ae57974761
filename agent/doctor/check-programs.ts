import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describeError, UserError } from '../../common/runtime/errors.ts';
import { TASK_NAME } from '../../common/protocol/messages.ts';
import { assertFolders } from '../check-folders.ts';
import { HOOK_PHASES } from '../core/hook-phase.ts';
import { checkFile } from '../hooks/check-file.ts';
import { listHooks } from '../hooks/list-hooks.ts';
import { readDeclaration } from '../hooks/task-declaration.ts';
import type { AgentSettings } from '../settings.ts';
import { ok, wrong, type Finding } from './finding.ts';

const OWNERSHIP =
  'a file that must not be run fails its phase: chown root, chmod go-w, the file and every folder above it';

/** Would every hook and task be run, if it came to it? `userId` is the user that the agent runs as. */
export async function checkPrograms(settings: AgentSettings, userId: number): Promise<readonly Finding[]> {
  try {
    await assertFolders(settings);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message
      .split('\n')
      .map((line) => wrong('folders', line, 'create the folder, or take the setting out of the file'));
  }
  return [
    ...(settings.hooks === undefined ? [] : await checkHooks(settings.hooks.folder, userId)),
    ...(settings.tasks === undefined ? [] : await checkTasks(settings.tasks.folder, userId)),
  ];
}

async function checkHooks(root: string, userId: number): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let fine = 0;
  for (const phase of HOOK_PHASES) {
    const names = await listHooks(path.join(root, phase));
    if (typeof names === 'string') {
      findings.push(wrong(`hooks ${phase}`, names, 'rename or remove it: nothing is passed over silently'));
      continue;
    }
    for (const name of names) {
      const relative = path.join(phase, name);
      const checked = await checkFile({ root, relative, ownUserId: userId, mustBeExecutable: true });
      if (checked.kind === 'fine') fine++;
      else
        findings.push(wrong(`hooks ${relative}`, checked.kind === 'missing' ? 'has gone' : checked.reason, OWNERSHIP));
    }
  }
  return [...findings, ...(findings.length === 0 ? [ok('hooks', `${fine} hooks in ${root} can be run`)] : [])];
}

async function checkTasks(root: string, userId: number): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let entries: string[];
  try {
    entries = await readdir(root);
  } catch (error) {
    return [wrong('tasks', describeError(error), 'make the folder readable for the agent')];
  }
  const names = entries.filter((name) => TASK_NAME.test(name));
  for (const name of names) {
    const checked = await checkFile({ root, relative: name, ownUserId: userId, mustBeExecutable: true });
    if (checked.kind !== 'fine') {
      findings.push(wrong(`tasks ${name}`, checked.kind === 'missing' ? 'has gone' : checked.reason, OWNERSHIP));
      continue;
    }
    const declaration = await readDeclaration(root, name, userId);
    if (typeof declaration === 'string')
      findings.push(wrong(`tasks ${name}`, declaration, 'mend the declaration beside the task'));
  }
  return [...findings, ...(findings.length === 0 ? [ok('tasks', `${names.length} tasks in ${root} can be run`)] : [])];
}
