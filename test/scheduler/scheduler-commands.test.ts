import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../common/runtime/command.ts';
import { schedulerCommand } from '../../scheduler/command.ts';
import { parseKeys } from '../../scheduler/secrets/key-ring.ts';
import { openStore } from '../../scheduler/store/open.ts';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { systemRandom } from '../../common/runtime/random.ts';
import { keyRingOf } from '../../scheduler/secrets/settings.ts';
import { Secret, secretsIn } from '../../scheduler/secrets/secret.ts';
import { runningScheduler } from '../support/running-scheduler.ts';
import { givenJob, JOB } from '../support/scheduler-store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function run(...words: string[]): Promise<string> {
  const printed: string[] = [];
  const context: CommandContext = {
    environment: {},
    terminal: { print: (text) => printed.push(text), printError: (text) => printed.push(text), hasColor: false },
    cliFile: 'cli.ts',
  };
  await schedulerCommand(context).exitOverride().parseAsync(words, { from: 'user' });
  return printed.join('\n');
}

/** A settings file in a folder of its own, far from the one the test runs in. */
function place() {
  const folder = temporaryFolder();
  const config = path.join(folder, 'scheduler.yaml');
  const [file, keys] = [path.join(folder, 'store.db'), path.join(folder, 'secrets.key')];
  writeFileSync(config, 'store: { sqlite: store.db }\nsecrets: { keyFile: secrets.key }\naccess: { loopback: open }\n');
  const keyFile = { file: keys, setting: 'secrets.keyFile' };
  const open = async () =>
    await openStore(
      { kind: 'sqlite', file },
      { clock: systemClock, random: systemRandom, log: silentLog, keys: keyRingOf(keyFile) },
    );
  return { folder, config, file, keys, keyFile, open };
}

const definition = {
  startTime: '2030-01-01T00:00:00Z',
  action: {
    type: 'Http' as const,
    request: {
      uri: 'http://127.0.0.1:1/',
      method: 'GET',
      authentication: { type: 'Basic' as const, username: 'someone', password: Secret.of('correct-horse') },
    },
  },
};

describe('forewarn scheduler rotate-key', () => {
  it('makes the first key, then a second that everything is sealed with, and forgets the first when told to', async () => {
    const { config, keys, open } = place();
    expect(await run('rotate-key', '--config', config)).toMatch(/jobs sealed anew: 0$/);
    const [first] = parseKeys(readFileSync(keys, 'utf8')) ?? [];
    const store = await open();
    await givenJob(store, 0, { definition });
    await store.close();
    expect(JSON.parse(await run('rotate-key', '--config', config, '--json'))).toMatchObject({ resealedJobs: 1 });
    const both = parseKeys(readFileSync(keys, 'utf8')) ?? [];
    expect(both.map(({ id }) => id)).toEqual([expect.any(String), first?.id]);
    expect(await run('rotate-key', '--config', config, '--reseal-only', '--forget-old')).toContain(both[0]?.id);
    expect(parseKeys(readFileSync(keys, 'utf8'))?.map(({ id }) => id)).toEqual([both[0]?.id]);
    const after = await open();
    expect(secretsIn((await after.jobs.findJob(JOB))?.definition)[0]?.[1].reveal()).toBe('correct-horse');
    await after.close();
  });

  it('refuses without a file for the keys, before it does anything', async () => {
    const config = path.join(temporaryFolder(), 'scheduler.yaml');
    writeFileSync(config, 'access: { loopback: open }\n');
    await expect(run('rotate-key', '-c', config)).rejects.toMatchObject({ code: 'NO_KEY_FILE', exitStatus: 2 });
  });
});

it('a scheduler whose store holds secrets does not start without their key', async () => {
  const { config, file, keys, keyFile, open } = place();
  await run('rotate-key', '--config', config);
  const store = await open();
  await givenJob(store, 0, { definition });
  await store.close();
  const [key] = parseKeys(readFileSync(keys, 'utf8')) ?? [];
  await expect(runningScheduler({ store: { kind: 'sqlite', file } })).rejects.toMatchObject({
    code: 'SECRET_KEY_MISSING',
    message: expect.stringContaining(key?.id ?? 'none') as string,
    exitStatus: 2,
  });
  await runningScheduler({ store: { kind: 'sqlite', file }, keyFile });
});

it('forewarn scheduler backup and restore take the store of --config, wherever that stands', async () => {
  const { config, folder, keys, open } = place();
  await run('rotate-key', '--config', config);
  const store = await open();
  await givenJob(store, 0, { definition });
  await store.close();
  const backup = path.join(folder, 'backup.db');
  expect(JSON.parse(await run('backup', '--config', config, '--json', backup))).toMatchObject({ copied: { jobs: 1 } });
  expect(existsSync(backup)).toBe(true);
  expect(readFileSync(backup, 'latin1')).not.toContain('correct-horse');
  expect(existsSync(keys)).toBe(true);
  expect(JSON.parse(await run('restore', backup, '--replace', '-c', config, '--json'))).toMatchObject({
    copied: { jobs: 1 },
  });
});
