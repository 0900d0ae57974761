import { z } from 'zod';
import type { CommandContext } from '../../common/runtime/command.ts';
import { EXIT_FAILURE, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
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
}

/** Where it is, and the token to show: option `--token-file`, then `FOREWARN_CONTROL_TOKEN_FILE`, else none. */
export async function controlApi(context: CommandContext, options: CommonOptions): Promise<ControlApi> {
  const url = controlUrl(context, options.control);
  const fromEnvironment = context.environment['FOREWARN_CONTROL_TOKEN_FILE'];
  if (options.tokenFile !== undefined) return { url, token: await readTokenFile(options.tokenFile, '--token-file') };
  if (fromEnvironment === undefined || fromEnvironment === '') return { url, token: undefined };
  return { url, token: await readTokenFile(fromEnvironment, 'FOREWARN_CONTROL_TOKEN_FILE') };
}

/** The control API's address: option, then `FOREWARN_CONTROL`, then the default. Throws a `UserError` for what is no URL. */
function controlUrl(context: CommandContext, option: string | undefined): string {
  const text = option ?? context.environment['FOREWARN_CONTROL'] ?? DEFAULT_CONTROL;
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url?.protocol !== 'http:') {
    const message = `expected the emulator's control address like ${DEFAULT_CONTROL}, got ${JSON.stringify(text)}`;
    throw new UserError('BAD_ADDRESS', message, { exitStatus: EXIT_USAGE });
  }
  return url.origin;
}

/** One request; a refusal becomes a `UserError` with the emulator's own words. */
export async function callControl<Schema extends z.ZodType>(
  { url, token }: ControlApi,
  wanted: Omit<JsonRequest, 'timeoutMs' | 'token'> & { readonly timeoutMs?: number },
  schema: Schema,
): Promise<z.output<Schema>> {
  const naming = { what: 'emulator', option: '--control URL (or FOREWARN_CONTROL)' };
  const response = await requestJson(
    { kind: 'http', url },
    { ...wanted, token, timeoutMs: wanted.timeoutMs ?? TIMEOUT_MS },
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
