import { z } from 'zod';
import { UserError } from '../common/runtime/errors.ts';
import type { Clock } from '../common/runtime/clock.ts';
import { requestJson, type JsonRequest, type JsonResponse } from '../common/runtime/http-json.ts';

import { send } from './load/send.ts';

/** A program of the demonstration and how messages call it. */
export interface Asked {
  readonly what: string;
  readonly url: string;
}

/** Everything is on this machine; slower than this is as good as no answer. */
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Asks a program and reads what this demonstration needs of its answer. Rejects with a `UserError` that says what was asked
 * and answered when the status is none of success or the answer has another shape.
 */
export async function ask<Schema extends z.ZodType>(
  asked: Asked,
  wanted: Omit<JsonRequest, 'timeoutMs'>,
  schema: Schema,
): Promise<z.output<Schema>> {
  const response = await requestJson(
    { kind: 'http', url: asked.url },
    { ...wanted, timeoutMs: ANSWER_TIMEOUT_MS },
    { what: asked.what, option: 'its settings file' },
  );
  return readAnswer(asked, `${wanted.method} ${wanted.path}`, response, schema);
}

/**
 * The same for an application inside a VM, on a connection that is closed at once: one that is kept, even idle, would be a
 * client that the VM's drain has to wait for.
 */
export async function askOnce<Schema extends z.ZodType>(
  asked: Asked,
  path: string,
  schema: Schema,
  clock: Clock,
): Promise<z.output<Schema>> {
  const url = new URL(path, asked.url);
  const result = await send({ url, method: 'GET', agent: false, timeoutMs: ANSWER_TIMEOUT_MS }, clock);
  if (result.kind === 'failed') {
    throw new UserError('NO_ANSWER', `the ${asked.what} did not answer GET ${path}: ${result.reason}`);
  }
  const text = JSON.stringify(result.body) ?? '';
  return readAnswer(asked, `GET ${path}`, { status: result.status, body: result.body, text }, schema);
}

function readAnswer<Schema extends z.ZodType>(
  asked: Asked,
  question: string,
  response: JsonResponse,
  schema: Schema,
): z.output<Schema> {
  if (response.status < 200 || response.status > 299) {
    throw new UserError(
      'ANSWER_REFUSED',
      `the ${asked.what} refused ${question}: status ${response.status} ${response.text.slice(0, 500)}`,
    );
  }
  const answer = schema.safeParse(response.body);
  if (!answer.success) {
    throw new UserError(
      'ANSWER_UNREADABLE',
      `the ${asked.what} answered ${question} with something else than expected: ${z.prettifyError(answer.error)}`,
    );
  }
  return answer.data;
}
