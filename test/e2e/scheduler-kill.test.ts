import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startForewarn, type RunningProgram } from '../support/program.ts';
import { apiOf, SHOP, type Body } from '../support/scheduler-api.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What reached the target: the execution tag and attempt of each request. */
interface Ledger {
  readonly url: string;
  readonly lines: { readonly tag: string; readonly job: string; readonly attempt: number }[];
  /** Answers wait until this is called. */
  letGo(): void;
  arrived(count: number): Promise<void>;
}

const DEADLINE_MS = 30_000;

async function ledger(): Promise<Ledger> {
  const lines: Ledger['lines'][number][] = [];
  let letGo = (): void => {};
  const open = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let arrival = (): void => {};
  const server = createServer((request, response) => {
    const { headers } = request;
    lines.push({
      tag: String(headers['x-ms-execution-tag']),
      job: String(headers['x-ms-scheduler-jobid']),
      attempt: Number(headers['x-ms-scheduler-attempt']),
    });
    arrival();
    void open.then(() => response.end('done'));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    lines,
    letGo: () => {
      letGo();
    },
    arrived: async (count) => {
      const deadline = performance.now() + DEADLINE_MS;
      while (lines.length < count) {
        if (performance.now() > deadline) throw new Error(`${lines.length} of ${count} requests arrived`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, 200);
          arrival = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
  };
}

async function start(folder: string): Promise<{ program: RunningProgram; api: ReturnType<typeof apiOf> }> {
  const config = path.join(folder, 'scheduler.yaml');
  writeFileSync(
    config,
    'access: { loopback: open }\nlisten: 127.0.0.1:0\nstore: { sqlite: store.db }\nhttp: { allowPrivate: true }\n',
  );
  const program = await startForewarn(['scheduler', '--config', config]);
  onTestFinished(async () => {
    await program.stop('SIGKILL');
  });
  return { program, api: apiOf(`http://${String(program.ready['listen'])}`) };
}

describe('a scheduler killed with kill -9', () => {
  it('loses no job and no execution: what was claimed is repeated under its key and a higher attempt', async () => {
    const folder = temporaryFolder();
    const target = await ledger();
    const first = await start(folder);
    await first.api.call('put', SHOP, {});
    const names = Array.from({ length: 20 }, (_none, index) => `job${index}`);
    for (const name of names) {
      const action = { type: 'Http', request: { uri: target.url, method: 'POST', body: '{}' } };
      expect((await first.api.call('put', `${SHOP}/jobs/${name}`, { properties: { action } })).status).toBe(201);
    }
    await target.arrived(20);
    // Every request is out and none is answered.
    await first.program.stop('SIGKILL');

    target.letGo();
    const second = await start(folder);
    await target.arrived(40);
    const deadline = performance.now() + DEADLINE_MS;
    let states: unknown[] = [];
    while (performance.now() < deadline && states.filter((state) => state === 'completed').length < 20) {
      const { body } = await second.api.call('get', `${SHOP}/jobs`);
      states = (body['value'] as Body[]).map((job) => (job['properties'] as Body)['state']);
    }
    expect(states).toEqual(names.map(() => 'completed'));
    for (const name of names) {
      const lines = target.lines.filter(({ job }) => job === name);
      expect(lines.map(({ attempt }) => attempt)).toEqual([1, 2]);
      expect(new Set(lines.map(({ tag }) => tag)).size).toBe(1);
      const { body } = await second.api.call('get', `${SHOP}/jobs/${name}/history`);
      expect(body['value']).toMatchObject([{ properties: { status: 'completed', repeatCount: 1, retryCount: 0 } }]);
    }
    expect(await second.program.stop()).toBe(0);
  });

  it('ends within seconds of a signal, while requests are out, and lets go of its file', async () => {
    const folder = temporaryFolder();
    const target = await ledger();
    const first = await start(folder);
    await first.api.call('put', SHOP, {});
    const action = { type: 'Http', request: { uri: target.url, method: 'GET' } };
    await first.api.call('put', `${SHOP}/jobs/slow`, { properties: { action } });
    await target.arrived(1);
    const beganMs = performance.now();
    expect(await first.program.stop('SIGINT')).toBe(0);
    expect(performance.now() - beganMs).toBeLessThan(5000);
    const second = await start(folder);
    await target.arrived(2);
    expect(target.lines.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(await second.program.stop()).toBe(0);
  });
});
