import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describeError, EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { resolveBlobSettings } from './coordinator/blob/settings.ts';
import type { AgentSettings } from './settings.ts';

/**
 * Looks into the files that the settings name and that the agent reads later: one that is missing then keeps this VM from
 * agreeing, long after somebody looked at its start. The token of an enrolment is none of them: it is of use once, and then
 * it may be gone. Throws one `UserError` with every problem.
 */
export async function assertFiles(
  settings: Pick<AgentSettings, 'scheduler' | 'coordinator' | 'http' | 'notifications'>,
): Promise<void> {
  const { scheduler, coordinator, http, notifications } = settings;
  const problems = await Promise.all([
    certificateProblem('scheduler.ca', scheduler?.ca),
    coordinator?.kind === 'blob' ? secretProblem(coordinator) : undefined,
    fileProblem('http.tokenFile', http?.tokenFile),
    ...notifications.flatMap(({ urlFile, authorizationFile }, index) => [
      fileProblem(`notifications[${index}].urlFile`, urlFile),
      fileProblem(`notifications[${index}].authorizationFile`, authorizationFile),
    ]),
  ]);
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new UserError('FILE_UNUSABLE', found.join('\n'), { exitStatus: EXIT_USAGE });
}

async function secretProblem(coordinator: Parameters<typeof resolveBlobSettings>[0]): Promise<string | undefined> {
  try {
    await resolveBlobSettings(coordinator);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

async function fileProblem(setting: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readOr(setting, file);
  if (typeof text !== 'string') return text.problem;
  return text.trim() === '' ? `${setting}: ${file} is empty` : undefined;
}

async function certificateProblem(setting: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readOr(setting, file);
  if (typeof text !== 'string') return text.problem;
  try {
    // The first of them; one that is none at all would be passed over in silence, and nobody be trusted.
    return new X509Certificate(text).raw.length > 0 ? undefined : `${setting}: ${file} is empty`;
  } catch {
    return `${setting}: ${file} holds no certificate; expected "-----BEGIN CERTIFICATE-----…"`;
  }
}

async function readOr(setting: string, file: string): Promise<string | { readonly problem: string }> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    return { problem: `${setting}: cannot read ${file}: ${describeError(error)}` };
  }
}
