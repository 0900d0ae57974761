import { expect, it, onTestFinished } from 'vitest';
import { subjectHash } from '../../common/agreement/names.ts';
import type { AgreementRecord, PromiseState } from '../../common/agreement/record.ts';
import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import { silentLog, type Log, type LogFields } from '../../common/runtime/log.ts';
import { systemRandom } from '../../common/runtime/random.ts';
import { openStore } from '../../scheduler/store/open.ts';
import type { Store } from '../../scheduler/store/store.ts';
import { createDatabase, query } from '../support/postgres-database.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { COLLECTION, JOB } from '../support/scheduler-store.ts';

const WITHIN = { timeout: 20_000, interval: 20 } as const;

const INTENT: AgreementRecord = {
  scope: 'shop',
  eventId: 'E1',
  eventType: 'Reboot',
  resources: ['web_0'],
  hash: subjectHash({ eventId: 'E1', eventType: 'Reboot', resources: ['web_0'] }),
  phase: 'intent',
  intent: { by: 'web_0', term: 1, atMs: 1 },
  everIntent: true,
  lease: undefined,
  term: 1,
  members: {},
};

function ofOne(eventId: string, promise: PromiseState): AgreementRecord {
  const web0 = { vmId: 'id', number: 1, hash: INTENT.hash, promise, deadlineReached: false };
  return { ...INTENT, eventId, phase: 'preparing', intent: undefined, everIntent: false, members: { web_0: web0 } };
}

it('a store whose standby is gone says so, once, and takes no intent for written until a standby has it', async () => {
  const server = await startPostgres();
  onTestFinished(async () => {
    await server.close();
  });
  const { url } = await createDatabase(server.url);
  const said: (readonly [fields: LogFields, message: string])[] = [];
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (fields, message) => said.push([fields, message]),
    child: () => log,
  };
  const open = async (replication: 'none' | 'synchronous', clock: Clock = systemClock): Promise<Store> => {
    const store = await openStore(
      { kind: 'postgres', url, connections: 4, replication },
      { clock, random: systemRandom, log },
    );
    onTestFinished(async () => {
      await store.close();
    });
    return store;
  };
  const awaitStandby = async (name: string): Promise<void> => {
    await query(url, `alter system set synchronous_standby_names = '${name}'`);
    await query(url, 'select pg_reload_conf()');
    await expect
      .poll(async () => await query(url, 'show synchronous_standby_names'), WITHIN)
      .toEqual([{ synchronous_standby_names: name }]);
  };
  const waiting = async (): Promise<readonly number[]> =>
    (await query(url, "select pid from pg_stat_activity where wait_event = 'SyncRep'")).map(({ pid }) => Number(pid));

  // So much faster a connection that is lent out is given up.
  const hurried = { ...systemClock, after: (ms: number, callback: () => void) => systemClock.after(ms / 50, callback) };
  const early = await open('none', hurried);
  await awaitStandby('elsewhere');
  expect(said).toEqual([]);
  const message = [
    expect.objectContaining({
      server: expect.stringMatching(/^PostgreSQL at 127\.0\.0\.1:\d+\/t_/) as string,
      synchronousStandbyNames: 'elsewhere',
      hint: expect.stringContaining('start the standby again') as string,
    }),
    'PostgreSQL waits for a standby that is not connected: until it is, nothing can be written',
  ];
  for (const collection of ['one', 'two']) {
    const ref = { ...JOB, collection };
    await expect(early.jobs.changeCollection(ref, () => ({ ...COLLECTION, collection }))).rejects.toThrow(
      /Client was closed|Connection terminated/,
    );
  }
  await expect.poll(() => said, WITHIN).toEqual([message]);

  // And at once when it starts like that.
  const late = await open('synchronous', hurried);
  expect(said).toEqual([message, message]);
  await expect(late.agreements.write(INTENT, 0, 1)).rejects.toThrow(/Client was closed|Connection terminated/);
  expect(await late.agreements.read('shop', 'E1')).toBeUndefined();

  // The operator takes the standby out of the setting: what waited is written.
  await query(url, 'alter system reset synchronous_standby_names');
  await query(url, 'select pg_reload_conf()');
  await expect.poll(waiting, WITHIN).toEqual([]);
  expect((await late.agreements.read('shop', 'E1'))?.record.phase).toBe('intent');
});

it('also where the database waits for nobody, what takes a promise back waits for the standby', async () => {
  const server = await startPostgres();
  onTestFinished(async () => {
    await server.close();
  });
  const { url } = await createDatabase(server.url);
  await query(url, `alter database "${new URL(url).pathname.slice(1)}" set synchronous_commit = local`);
  await query(url, "alter system set synchronous_standby_names = 'elsewhere'");
  await query(url, 'select pg_reload_conf()');
  await expect
    .poll(async () => await query(url, 'show synchronous_standby_names'), WITHIN)
    .toEqual([{ synchronous_standby_names: 'elsewhere' }]);
  const hurried = { ...systemClock, after: (ms: number, callback: () => void) => systemClock.after(ms / 50, callback) };
  const store = await openStore(
    { kind: 'postgres', url, connections: 4, replication: 'synchronous' },
    { clock: hurried, random: systemRandom, log: silentLog },
  );
  onTestFinished(async () => {
    await store.close();
  });
  expect(await store.agreements.write(ofOne('E2', 'prepared'), 0, 1)).toBe(true);
  await expect(store.agreements.write(ofOne('E2', 'binding'), 1, 1)).rejects.toThrow(
    /Client was closed|Connection terminated/,
  );
  expect((await store.agreements.read('shop', 'E2'))?.record.members['web_0']?.promise).toBe('prepared');
});
