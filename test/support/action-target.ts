import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import { createActions, type ActionParts, type Actions, type OutgoingAction } from '../../scheduler/actions/actions.ts';
import { DEFAULT_ACTION_SETTINGS, type ActionSettings } from '../../scheduler/actions/settings.ts';
import type { ActionOutcome } from '../../scheduler/engine/ending.ts';
import { Interrupt } from '../../scheduler/engine/interrupt.ts';
import { writeJob } from '../../scheduler/jobs/job.ts';
import type { Claim } from '../../scheduler/store/store.ts';
import { execution, HTTP_JOB, JOB } from './scheduler-store.ts';

/**
 * An address that no job may call, for tests that would connect to it were the guard broken: nothing leaves the machine then,
 * because TCP connects to no multicast address. The metadata service's own is for tests that only judge.
 */
export const FORBIDDEN = '224.0.0.1';
export const FORBIDDEN_REFUSAL = /AddressRefused 224\.0\.0\.1 is multicast or reserved; no setting permits it/;

export interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export type Answerer = (request: IncomingMessage, response: ServerResponse, seen: Seen) => void;

/** A real server that actions call, closed when the running test is over. `seen` is what came, in order. */
export async function actionTarget(answer: Answerer, tls?: ServerOptions): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const { method, url, headers, rawHeaders } = request;
      const one = { method, url, headers, rawHeaders, body };
      seen.push(one);
      answer(request, response, one);
    });
  };
  const server: Server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const scheme = tls === undefined ? 'http' : 'https';
  return { url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** A clock whose waits are over at once; `waits` are what was asked for. */
export function hurriedClock(): Clock & { readonly waits: number[] } {
  const waits: number[] = [];
  return {
    ...systemClock,
    waits,
    sleep: async (ms, signal) => {
      waits.push(ms);
      return await systemClock.sleep(0, signal);
    },
  };
}

/** The product's actions, allowed to call this machine unless `parts` says otherwise. */
export function openActions(settings: Partial<ActionSettings> = {}, parts: Partial<ActionParts> = {}): Actions {
  const actions = createActions({
    settings: { ...DEFAULT_ACTION_SETTINGS, ...settings },
    allowPrivate: true,
    ownPort: () => undefined,
    region: undefined,
    locationOf: async () => 'West Europe',
    clock: systemClock,
    ...parts,
  });
  onTestFinished(async () => {
    await actions.close();
  });
  return actions;
}

/** An occurrence of a job, on its second attempt. */
export function claimOf(action: OutgoingAction): Claim {
  const definition = { ...HTTP_JOB, action };
  const job = writeJob(undefined, { ref: JOB, definition, state: 'enabled' }, 1000, 'id');
  return { job, execution: execution(job, { id: 'e1', key: 'f'.repeat(32), attempt: 2 }) };
}

export async function performOnce(
  action: OutgoingAction,
  settings: Partial<ActionSettings> = {},
  parts: Partial<ActionParts> & { readonly interrupt?: Interrupt } = {},
): Promise<ActionOutcome | undefined> {
  const { interrupt = new Interrupt(), ...rest } = parts;
  return await openActions(settings, rest).perform(action, claimOf(action), interrupt);
}
