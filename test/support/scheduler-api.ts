import request from 'supertest';
import { runningScheduler } from './running-scheduler.ts';

export const GROUP = '/subscriptions/Sub1/resourceGroups/Group1/providers/Microsoft.Scheduler/jobCollections';
export const SHOP = `${GROUP}/Shop`;
export const VERSION = { 'api-version': '2016-03-01' };

export type Body = Record<string, unknown>;

/** The REST API as a client calls it: path and body in, status, body and headers out. */
export interface Api {
  readonly call: (
    method: 'get' | 'head' | 'put' | 'patch' | 'delete' | 'post',
    path: string,
    body?: object,
    query?: Record<string, string>,
  ) => Promise<{ status: number; body: Body; headers: Record<string, string> }>;
}

/** The API of a scheduler of its own. */
export async function api(): Promise<Api> {
  return apiOf((await runningScheduler()).url);
}

/** The same, with the collection Shop. */
export async function withShop(): Promise<Api> {
  const shop = await api();
  await shop.call('put', SHOP, { location: 'West US' });
  return shop;
}

export function apiOf(url: string): Api {
  return {
    call: async (method, path, body, query = VERSION) => {
      const sent = request(url)[method](path).query(query);
      const { status, body: answer, headers } = await (body === undefined ? sent : sent.send(body));
      return { status, body: answer as Body, headers };
    },
  };
}

/** An action that fails at once: nobody listens there. */
export const http = (change: Body = {}): Body => ({
  type: 'Http',
  request: { uri: 'http://127.0.0.1:1/', method: 'GET' },
  retryPolicy: { retryType: 'None' },
  ...change,
});

/** A start time with all the digits the real service keeps. */
export const LATER = '2027-02-09T23:55:25.5648511Z';

export const job = (properties: Body = {}): Body => ({
  properties: { startTime: LATER, action: http(), ...properties },
});

export const propertiesOf = (body: Body): Body => body['properties'] as Body;

export const errorOf = (body: Body): { code: string; message: string } =>
  body['error'] as { code: string; message: string };
