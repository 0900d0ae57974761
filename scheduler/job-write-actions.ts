import { readFileSync } from 'node:fs';
import { systemClock } from '../common/runtime/clock.ts';
import type { CommandContext } from '../common/runtime/command.ts';
import { describeError, EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { askScheduler, schedulerLocation } from './client.ts';
import {
  API_VERSION,
  collectionPath,
  describeJob,
  jobPath,
  printJob,
  readJobFile,
  type JobOptions,
} from './job-actions.ts';
import { jobBody, type JobWords } from './job-body.ts';
import { nextMinute } from './schedule-actions.ts';
import { saysTimes } from './schedule-words.ts';

export interface WriteOptions extends JobOptions, JobWords {
  readonly file?: string;
  readonly passwordFile?: string;
  readonly pfxFile?: string;
  readonly secretFile?: string;
  readonly sasTokenFile?: string;
  readonly sasKeyFile?: string;
  readonly errorPasswordFile?: string;
  readonly errorPfxFile?: string;
  readonly errorSecretFile?: string;
  readonly errorSasTokenFile?: string;
  readonly errorSasKeyFile?: string;
}

/** Creates a job, and its collection if that is missing. Refuses one that is there. */
export async function createJob(context: CommandContext, name: string, options: WriteOptions): Promise<void> {
  const body = options.file === undefined ? newJob(options) : await fromFileAlone(options, options.file);
  const location = schedulerLocation(context, options.scheduler);
  const path = jobPath(options, name);
  const found = await askScheduler(location, { method: 'GET', path }, [200, 404]);
  if (found.status === 200) {
    throw new UserError('JOB_EXISTS', `the job ${options.collection}/${name} exists already`, {
      hint: 'forewarn job update changes it, forewarn job put replaces it',
    });
  }
  const collection = `${collectionPath(options)}?${API_VERSION}`;
  const there = await askScheduler(location, { method: 'GET', path: collection }, [200, 404]);
  if (there.status === 404)
    await askScheduler(location, { method: 'PUT', path: collection, body: { location: 'local' } });
  const response = await askScheduler(location, { method: 'PUT', path, body });
  printJob(context, options, response.body, `created ${options.collection}/${name}: ${describeJob(response.body)}`);
}

function newJob(options: WriteOptions): ReturnType<typeof jobBody> {
  // Without a start time a job runs at once as well. Whoever says at which times it is to run means those.
  const start = options.start ?? (saysTimes(options) ? nextMinute(systemClock) : undefined);
  const { properties } = jobBody(withSecretsRead(options), true);
  return { properties: start === undefined ? properties : { ...properties, startTime: start } };
}

/** A file says all of a job. What options add to it would be passed over, so they are refused. */
async function fromFileAlone(options: WriteOptions, file: string): Promise<unknown> {
  const { properties } = jobBody(withSecretsRead(options));
  const said = Object.keys(properties);
  if (said.length === 0) return await readJobFile(file);
  throw new UserError('JOB_OPTIONS', `--file: says all of a job; the options say its ${said.join(' and ')} as well`, {
    hint: 'forewarn job update changes it afterwards',
    exitStatus: EXIT_USAGE,
  });
}

/** Changes what the options say, and nothing else. */
export async function updateJob(context: CommandContext, name: string, options: WriteOptions): Promise<void> {
  const body = jobBody(withSecretsRead(options));
  const location = schedulerLocation(context, options.scheduler);
  const response = await askScheduler(location, { method: 'PATCH', path: jobPath(options, name), body });
  printJob(context, options, response.body, `updated ${options.collection}/${name}: ${describeJob(response.body)}`);
}

export async function setJobState(
  context: CommandContext,
  name: string,
  verb: 'enable' | 'disable',
  options: JobOptions,
): Promise<void> {
  const body = { properties: { state: verb === 'enable' ? 'Enabled' : 'Disabled' } };
  const location = schedulerLocation(context, options.scheduler);
  const response = await askScheduler(location, { method: 'PATCH', path: jobPath(options, name), body });
  printJob(context, options, response.body, `${verb}d ${options.collection}/${name}: ${describeJob(response.body)}`);
}

function withSecretsRead(options: WriteOptions): JobWords {
  const text = (option: string, file: string | undefined): string | undefined =>
    file === undefined ? undefined : readOr(option, file).toString('utf8').trimEnd();
  const base64 = (option: string, file: string | undefined): string | undefined =>
    file === undefined ? undefined : readOr(option, file).toString('base64');
  return {
    ...options,
    password: text('--password-file', options.passwordFile),
    pfx: base64('--pfx-file', options.pfxFile),
    secret: text('--secret-file', options.secretFile),
    sasToken: text('--sas-token-file', options.sasTokenFile),
    sasKey: text('--sas-key-file', options.sasKeyFile),
    errorPassword: text('--error-password-file', options.errorPasswordFile),
    errorPfx: base64('--error-pfx-file', options.errorPfxFile),
    errorSecret: text('--error-secret-file', options.errorSecretFile),
    errorSasToken: text('--error-sas-token-file', options.errorSasTokenFile),
    errorSasKey: text('--error-sas-key-file', options.errorSasKeyFile),
  };
}

function readOr(option: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UserError('JOB_OPTIONS', `${option}: cannot read ${file}: ${describeError(error)}`, {
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
}
