import { readFileSync } from 'node:fs';
import type { CommandContext } from '../common/runtime/command.ts';
import { describeError, EXIT_USAGE, systemErrorCode, UserError } from '../common/runtime/errors.ts';
import { requestJson, type JsonRequest, type JsonResponse } from '../common/runtime/http-json.ts';
import { z } from 'zod';

/** Where the scheduler is unless told otherwise. */
const DEFAULT_URL = 'http://127.0.0.1:7080';
const TIMEOUT_MS = 10_000;

const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** Where the scheduler is, what it wants to be shown, and by whose certificate it is known. */
export interface SchedulerLocation {
  readonly kind: 'http';
  readonly url: string;
  readonly token?: string | undefined;
  readonly ca?: string | undefined;
}

/**
 * The scheduler that a command talks to: by option, then `FOREWARN_SCHEDULER`, then the default address. Its token and the
 * certificates it may have are in the files that `FOREWARN_SCHEDULER_TOKEN_FILE` and `FOREWARN_SCHEDULER_CA` name.
 */
export function schedulerLocation(context: CommandContext, option: string | undefined): SchedulerLocation {
  const url = option ?? context.environment['FOREWARN_SCHEDULER'] ?? DEFAULT_URL;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UserError(
      'SCHEDULER_URL',
      `expected an address of a scheduler like ${DEFAULT_URL}, got ${JSON.stringify(url)}`,
      {
        hint: '--scheduler URL, or the environment variable FOREWARN_SCHEDULER',
        exitStatus: 2,
      },
    );
  }
  return {
    kind: 'http',
    url,
    token: fileOf(context, 'FOREWARN_SCHEDULER_TOKEN_FILE')?.trim(),
    ca: fileOf(context, 'FOREWARN_SCHEDULER_CA'),
  };
}

function fileOf({ environment }: CommandContext, variable: string): string | undefined {
  const file = environment[variable];
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError('SCHEDULER_ACCESS', `cannot read the file that ${variable} names: ${describeError(error)}`, {
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
}

/** One request; a refusal of the scheduler becomes a `UserError` (`SCHEDULER_REFUSED`) with its message. */
export async function askScheduler(
  location: SchedulerLocation,
  wanted: Omit<JsonRequest, 'timeoutMs'>,
  accepted: readonly number[] = [200, 201],
): Promise<JsonResponse> {
  const response = await requestJson(
    location,
    { ...wanted, token: location.token, ca: location.ca, timeoutMs: TIMEOUT_MS },
    { what: 'scheduler', option: '--scheduler URL' },
  ).catch((error: unknown) => {
    throw isAboutCertificate(error) ? certificateRefused(location, error) : error;
  });
  if (accepted.includes(response.status)) return response;
  const refusal = errorSchema.safeParse(response.body);
  const reason = refusal.success
    ? refusal.data.error.message
    : `it answered ${response.status} ${response.text.slice(0, 200)}`;
  throw new UserError(
    'SCHEDULER_REFUSED',
    `the scheduler refused ${wanted.method} ${wanted.path.split('?')[0] ?? ''}: ${reason}`,
    response.status === 401 ? { hint: 'name the file with your token in FOREWARN_SCHEDULER_TOKEN_FILE' } : {},
  );
}

/** What OpenSSL calls a certificate that nobody it trusts has signed, or that is for another name. */
const CERTIFICATE_CODES = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
]);

function isAboutCertificate(error: unknown): boolean {
  return error instanceof UserError && CERTIFICATE_CODES.has(systemErrorCode(error.cause) ?? '');
}

function certificateRefused(location: SchedulerLocation, cause: unknown): UserError {
  return new UserError('SCHEDULER_CERTIFICATE', describeError(cause), {
    hint:
      location.ca === undefined
        ? 'name the file with the certificate of whoever certified it in FOREWARN_SCHEDULER_CA'
        : 'is the file that FOREWARN_SCHEDULER_CA names of the authority that certified it, and the address one of its names?',
    cause,
  });
}

const pageSchema = z.object({ value: z.array(z.unknown()), nextLink: z.string().nullish() });

/** All entries of a list, however many answers it takes. */
export async function askForAll(location: SchedulerLocation, path: string): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const { value, nextLink } = pageSchema.parse((await askScheduler(location, { method: 'GET', path: next })).body);
    all.push(...value);
    const url = nextLink ? new URL(nextLink) : undefined;
    next = url && `${url.pathname}${url.search}`;
  }
  return all;
}
