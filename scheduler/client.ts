import type { CommandContext } from '../common/runtime/command.ts';
import { UserError } from '../common/runtime/errors.ts';
import { requestJson, type JsonRequest, type JsonResponse, type ServerLocation } from '../common/runtime/http-json.ts';
import { z } from 'zod';

/** Where the scheduler is unless told otherwise. */
const DEFAULT_URL = 'http://127.0.0.1:7080';
const TIMEOUT_MS = 10_000;

const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** The scheduler that a command talks to: by option, then `FOREWARN_SCHEDULER`, then the default address. */
export function schedulerLocation(context: CommandContext, option: string | undefined): ServerLocation {
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
  return { kind: 'http', url };
}

/** One request; a refusal of the scheduler becomes a `UserError` (`SCHEDULER_REFUSED`) with its message. */
export async function askScheduler(
  location: ServerLocation,
  wanted: Omit<JsonRequest, 'timeoutMs'>,
  accepted: readonly number[] = [200, 201],
): Promise<JsonResponse> {
  const response = await requestJson(
    location,
    { ...wanted, timeoutMs: TIMEOUT_MS },
    { what: 'scheduler', option: '--scheduler URL' },
  );
  if (accepted.includes(response.status)) return response;
  const refusal = errorSchema.safeParse(response.body);
  const reason = refusal.success
    ? refusal.data.error.message
    : `it answered ${response.status} ${response.text.slice(0, 200)}`;
  throw new UserError(
    'SCHEDULER_REFUSED',
    `the scheduler refused ${wanted.method} ${wanted.path.split('?')[0] ?? ''}: ${reason}`,
  );
}
