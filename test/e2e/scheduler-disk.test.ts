import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { killSchedulers } from '../soak/scheduler-kills.ts';
import { startForewarn } from '../support/program.ts';
import { apiOf, SHOP } from '../support/scheduler-api.ts';

const FAULTS = globSync('/usr/lib/{,*/}fiu/fiu_posix_preload.so')[0];

it.skipIf(FAULTS === undefined)(
  "with some of the disk's writes and syncs failing (fiu-utils) nothing accepted is lost and everything ended once",
  async () => {
    const preload = `${path.dirname(FAULTS ?? '')}/fiu_run_preload.so ${FAULTS}`;
    const faults = ['posix/io/sync/fsync', 'posix/io/rw/pwrite']
      .map((name) => `enable_random name=${name},probability=0.05`)
      .join('\n');
    const result = await killSchedulers({
      seed: Date.now() % 1_000_000,
      kills: 4,
      store: '{ sqlite: FOLDER/store.db }',
      replicas: 1,
      // The first life makes the tables, too many writes for all of them to pass; the last is without faults, because what was
      // accepted must come to its end in it.
      environment: (kills) => (kills > 0 && kills < 4 ? { LD_PRELOAD: preload, FIU_ENABLE: faults } : {}),
      report: () => {},
    });
    expect(result.violations).toEqual([]);
    expect(result.accepted).toBeGreaterThan(10);
  },
  180_000,
);

const mayMount = process.getuid?.() === 0 && process.platform === 'linux' && existsSync('/bin/mount');

it.skipIf(!mayMount)(
  'a full disk (root, tmpfs) refuses what is new, loses nothing and goes on when there is room again',
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]);
    onTestFinished(() => {
      execFileSync('umount', ['-l', folder]);
      rmdirSync(folder);
    });
    const config = path.join(folder, 'scheduler.yaml');
    writeFileSync(
      config,
      'access: { loopback: open }\nlisten: 127.0.0.1:0\nstore: { sqlite: store.db }\nhttp: { allowPrivate: true }\n',
    );
    const program = await startForewarn(['scheduler', '--config', config]);
    onTestFinished(async () => {
      await program.stop('SIGKILL');
    });
    const { call } = apiOf(`http://${String(program.ready['listen'])}`);
    const action = { type: 'Http', request: { uri: 'http://127.0.0.1:1/', method: 'GET', body: 'x'.repeat(8000) } };
    const startTime = new Date(Date.now() + 3_600_000).toISOString();
    const put = async (name: string): Promise<number> =>
      (await call('put', `${SHOP}/jobs/${name}`, { properties: { startTime, action } })).status;
    await call('put', SHOP, { properties: { sku: { name: 'P20Premium' } } });

    const ballast = path.join(folder, 'ballast');
    writeFileSync(ballast, Buffer.alloc(1_000_000));
    const accepted: string[] = [];
    let refused = 0;
    for (let index = 0; index < 300 && refused < 3; index++) {
      const status = await put(`job${index}`);
      if (status === 201) accepted.push(`job${index}`);
      else {
        expect(status).toBeGreaterThanOrEqual(500);
        refused++;
      }
    }
    expect(refused).toBe(3);
    const listed = async (): Promise<unknown[]> => {
      const found: (string | undefined)[] = [];
      for (let skip = 0; ; skip += 100) {
        const query = { 'api-version': '2016-03-01', $top: '100', $skip: `${skip}` };
        const value = (await call('get', `${SHOP}/jobs`, undefined, query)).body['value'] as { name: string }[];
        found.push(...value.map(({ name }) => name.split('/')[1]));
        if (value.length < 100) return found.map(String).toSorted((a, b) => a.localeCompare(b));
      }
    };
    expect(await listed()).toEqual(accepted.toSorted((a, b) => a.localeCompare(b)));
    rmSync(ballast);
    expect(await put('afterwards')).toBe(201);
    expect(await listed()).toEqual([...accepted, 'afterwards'].toSorted((a, b) => a.localeCompare(b)));
    expect(program.child.exitCode).toBeNull();
  },
  60_000,
);
