import { readFile } from 'node:fs/promises';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { WebhookCall, WebhookSettings } from './settings.ts';
import type { DrainVerb } from './verb-drain.ts';

/** A call that meets a passing fault is made again at once and once more; the agent itself comes back a second later. */
const TRIES = 3;
const FIRST_PAUSE_MS = 200;

/** Answers are a few words of JSON. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Makes the HTTP call that the settings give for a verb. Resolves with the answer's body when its status is 2xx. Network
 * errors and the statuses 408, 429 and 5xx are tried again; another status is an answer, and rejects at once. Redirects are
 * not followed: a call with a secret in it goes where the settings say and nowhere else.
 */
export async function callWebhook(
  settings: WebhookSettings,
  verb: DrainVerb,
  tools: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string> {
  const call = callOf(settings, verb);
  let pauseMs = FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt++) {
    const outcome = await callOnce(call, settings.timeout, tools.signal);
    if (outcome.kind === 'answered') return outcome.body;
    if (outcome.isFinal || attempt === TRIES || !(await tools.clock.sleep(pauseMs, tools.signal)))
      throw new Error(`${verb}: ${call.method} ${call.url}: ${outcome.reason}`, { cause: outcome.cause });
    pauseMs *= 2;
  }
}

function callOf(settings: WebhookSettings, verb: DrainVerb): WebhookCall {
  switch (verb) {
    case 'turn-away':
      return settings.turnAway;
    case 'back-in':
      return settings.backIn;
    case 'read':
      if (settings.read === undefined) throw new Error(`webhook ${settings.name} has no call for read`);
      return settings.read;
    default:
      return verb satisfies never;
  }
}

type Outcome =
  | { readonly kind: 'answered'; readonly body: string }
  | { readonly kind: 'failed'; readonly isFinal: boolean; readonly reason: string; readonly cause?: unknown };

async function callOnce(call: WebhookCall, timeoutMs: number, stopped: AbortSignal): Promise<Outcome> {
  const headers: Record<string, string> = { ...call.headers };
  for (const [name, file] of Object.entries(call.secretHeaders)) headers[name] = (await readFile(file, 'utf8')).trim();
  if (call.body !== undefined && !Object.keys(headers).some((name) => name.toLowerCase() === 'content-type'))
    headers['content-type'] = 'application/json';
  try {
    const response = await fetch(call.url, {
      method: call.method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.any([stopped, AbortSignal.timeout(timeoutMs)]),
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    const body = await readBounded(response);
    if (response.ok) return { kind: 'answered', body };
    const { status } = response;
    const isPassing = status === 408 || status === 429 || status >= 500;
    return { kind: 'failed', isFinal: !isPassing, reason: `answered with status ${status}` };
  } catch (error) {
    return { kind: 'failed', isFinal: stopped.aborted, reason: describeError(error), cause: error };
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}
