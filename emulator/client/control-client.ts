import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { CommandContext } from '../../common/runtime/command.ts';
import { describeError, EXIT_FAILURE, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { requestJson, type JsonRequest } from '../../common/runtime/http-json.ts';
import { readTokenFile } from '../control/control-token.ts';
import type { CommonOptions } from './options.ts';

/** Where the control API is when neither option nor environment says. */
export const DEFAULT_CONTROL = 'http://127.0.0.1:7070';

/** The emulator answers from memory; one that takes longer hangs. */
const TIMEOUT_MS = 10_000;

const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** The control API that a command speaks to. */
export interface ControlApi {
  readonly url: string;
  readonly token: string | undefined;
  /** Certificate (PEM) that it is certified by, where it is not one that everybody trusts. */
  readonly ca?: string | undefined;
}

/**
 * Where it is, the token to show and the certificate to trust: options `--control`, `--token-file` and `--ca`, then
 * `FOREWARN_CONTROL`, `FOREWARN_CONTROL_TOKEN_FILE` and `FOREWARN_CA`, else none.
 */
export async function controlApi(context: CommandContext, options: CommonOptions): Promise<ControlApi> {
  const url = controlUrl(context, options.control);
  const fileOf = async (
    option: string | undefined,
    names: { readonly option: string; readonly variable: string },
    read: typeof readTokenFile,
  ): Promise<string | undefined> => {
    const fromEnvironment = context.environment[names.variable];
    if (option !== undefined) return await read(option, names.option);
    if (fromEnvironment === undefined || fromEnvironment === '') return undefined;
    return await read(fromEnvironment, names.variable);
  };
  const token = { option: '--token-file', variable: 'FOREWARN_CONTROL_TOKEN_FILE' };
  return {
    url,
    token: await fileOf(options.tokenFile, token, readTokenFile),
    ca: await fileOf(options.ca, { option: '--ca', variable: 'FOREWARN_CA' }, readCertificateFile),
  };
}

async function readCertificateFile(file: string, setting: string): Promise<string> {
  const hint = "give the certificate of the server's authority: caFile of its controlTls";
  try {
    const text = await readFile(file, 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  } catch (error) {
    const message = `${setting}: cannot read ${file}: ${describeError(error)}`;
    throw new UserError('BAD_CA_FILE', message, { hint, exitStatus: EXIT_USAGE, cause: error });
  }
  throw new UserError('BAD_CA_FILE', `${setting}: expected a certificate as PEM in ${file}`, {
    hint,
    exitStatus: EXIT_USAGE,
  });
}

/** The control API's address: option, then `FOREWARN_CONTROL`, then the default. Throws a `UserError` for what is no URL. */
function controlUrl(context: CommandContext, option: string | undefined): string {
  const text = option ?? context.environment['FOREWARN_CONTROL'] ?? DEFAULT_CONTROL;
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    const message = `expected the emulator's control address like ${DEFAULT_CONTROL}, got ${JSON.stringify(text)}`;
    throw new UserError('BAD_ADDRESS', message, { exitStatus: EXIT_USAGE });
  }
  return url.origin;
}

/** One request; a refusal becomes a `UserError` with the emulator's own words. */
export async function callControl<Schema extends z.ZodType>(
  { url, token, ca }: ControlApi,
  wanted: Omit<JsonRequest, 'timeoutMs' | 'token' | 'ca'> & { readonly timeoutMs?: number },
  schema: Schema,
): Promise<z.output<Schema>> {
  const choice = '--control URL (or FOREWARN_CONTROL)';
  const trust = '--ca FILE (or FOREWARN_CA) trusts its certificate';
  const naming = { what: 'emulator', option: url.startsWith('https:') ? `${trust}; ${choice}` : choice };
  const response = await requestJson(
    { kind: 'http', url },
    { ...wanted, token, ca, timeoutMs: wanted.timeoutMs ?? TIMEOUT_MS },
    naming,
  );
  if (response.status >= 400) {
    const refusal = errorSchema.safeParse(response.body);
    if (!refusal.success) {
      throw new UserError('NOT_AN_EMULATOR', `${url} answered ${response.status}: is an emulator's control API there?`);
    }
    const { code, message } = refusal.data.error;
    if (code === 'TOKEN_NEEDED') throw tokenRefused(url, token);
    throw new UserError(code, message, { exitStatus: USAGE_CODES.has(code) ? EXIT_USAGE : EXIT_FAILURE });
  }
  const parsed = schema.safeParse(response.body);
  if (!parsed.success) {
    throw new UserError(
      'NOT_AN_EMULATOR',
      `${url} answered something else than an emulator would: ${parsed.error.message}`,
    );
  }
  return parsed.data;
}

/** Whoever types a command needs another word than whoever writes a request. */
export function tokenRefused(url: string, token: string | undefined): UserError {
  const message =
    token === undefined
      ? `the emulator at ${url} wants its token`
      : `the emulator at ${url} has another token than the one in the file`;
  const hint = 'give the file with --token-file FILE (or FOREWARN_CONTROL_TOKEN_FILE)';
  return new UserError('TOKEN_NEEDED', message, { hint, exitStatus: EXIT_USAGE });
}

/** Refusals of what was typed, as against what cannot be done now. */
const USAGE_CODES = new Set([
  'BAD_BODY',
  'NO_RESOURCES',
  'SEVERAL_SCOPES',
  'SEVERAL_UPDATE_DOMAINS',
  'UNKNOWN_VM',
  'UNKNOWN_EVENT',
  'UNKNOWN_TARGET',
  'UNKNOWN_MAINTENANCE',
  'NO_SERVICE',
  'SETTINGS_INVALID',
]);
