import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../common/runtime/command.ts';
import { collectionCommand } from '../../scheduler/collection-commands.ts';
import { jobCommand } from '../../scheduler/job-commands.ts';
import { userCommand } from '../../scheduler/user-commands.ts';
import { formatKeys, newKey } from '../../scheduler/secrets/key-ring.ts';
import { runningScheduler } from '../support/running-scheduler.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function shell(url: string, more: Record<string, string> = {}) {
  return async (make: (context: CommandContext) => Command, ...words: string[]): Promise<string> => {
    const printed: string[] = [];
    const context: CommandContext = {
      environment: { FOREWARN_SCHEDULER: url, ...more },
      terminal: { print: (text) => printed.push(text), printError: (text) => printed.push(text), hasColor: false },
      cliFile: 'cli.ts',
    };
    await make(context).exitOverride().parseAsync(words, { from: 'user' });
    return printed.join('\n');
  };
}

describe('forewarn job create and update', () => {
  it('write a job from options with its secret from a file, change it, disable and enable it', async () => {
    const folder = temporaryFolder();
    const [keys, password] = [path.join(folder, 'keys'), path.join(folder, 'password')];
    writeFileSync(keys, formatKeys([newKey()]), { mode: 0o600 });
    writeFileSync(password, 'correct-horse\n');
    const { url } = await runningScheduler({ keyFile: { file: keys, setting: 'secrets.keyFile' } });
    const run = shell(url);
    const nightly = ['nightly', '-c', 'shop'];
    const words = ['--uri', 'https://a.example/', '--auth', 'Basic', '--username', 'me', '--password-file', password];
    const calendar = ['--start', '2027-06-01T00:00:00Z', '--frequency', 'day', '--count', '5'];
    expect(await run(jobCommand, 'create', ...nightly, ...words, ...calendar)).toBe(
      'created shop/nightly: enabled, next run 2027-06-01T00:00:00Z',
    );
    await expect(run(jobCommand, 'create', ...nightly, ...words)).rejects.toMatchObject({ code: 'JOB_EXISTS' });
    expect(await run(jobCommand, 'update', ...nightly, '--interval', '2', '--body', 'x')).toMatch(
      /^updated shop\/nightly/,
    );
    const shown = await run(jobCommand, 'show', ...nightly);
    expect(JSON.parse(shown)).toMatchObject({
      properties: {
        action: { type: 'Https', request: { body: 'x', authentication: { username: 'me' } } },
        recurrence: { interval: 2, count: 5 },
      },
    });
    expect(shown).not.toContain('correct-horse');
    expect(await run(jobCommand, 'disable', ...nightly)).toBe('disabled shop/nightly: disabled');
    expect(await run(jobCommand, 'list', '-c', 'shop', '--state', 'enabled')).toBe('no jobs');
    expect(await run(jobCommand, 'enable', ...nightly)).toMatch(/^enabled shop\/nightly: enabled, next run/);
    expect(await run(jobCommand, 'update', ...nightly, '--auth', 'none')).toMatch(/^updated/);
    expect(await run(jobCommand, 'show', ...nightly)).not.toContain('authentication');
    await expect(run(jobCommand, 'create', 'x', '--password-file', '/nowhere')).rejects.toMatchObject({
      code: 'JOB_OPTIONS',
      exitStatus: 2,
    });
  });
});

describe('forewarn job create', () => {
  it('says a whole calendar, also as cron, and refuses options beside a file', async () => {
    const { url } = await runningScheduler();
    const run = shell(url);
    const words = ['--uri', 'http://127.0.0.1:1/', '--start', '2027-06-01T00:00:00Z'];
    const office = [
      '--week-days',
      'mon-fri',
      '--hours',
      '9',
      '--minutes',
      '30',
      '--missed',
      'once',
      '--window',
      'PT1H',
    ];
    expect(await run(jobCommand, 'create', 'office', ...words, ...office)).toMatch(/next run 2027-06-01T09:30:00Z$/);
    expect(
      await run(jobCommand, 'create', 'last', ...words, '--hours', '0', '--minutes', '5', '--month-days', '-1'),
    ).toMatch(/next run 2027-06-30T00:05:00Z$/);
    // Without a start time nothing runs at once where it is said when it is to run.
    const closing = ['--uri', 'http://127.0.0.1:1/', '--monthly-occurrences', 'last friday', '--hours', '18'];
    expect(await run(jobCommand, 'create', 'closing', ...closing)).toMatch(/next run \d{4}-\d\d-\d\dT18:00:00Z$/);
    const cron = ['--cron', '0 0 1 1 *', '--time-zone', 'Europe/Berlin'];
    expect(await run(jobCommand, 'create', 'yearly', '--uri', 'http://127.0.0.1:1/', ...cron)).toMatch(
      /next run \d{4}-12-31T23:00:00Z$/,
    );
    expect(await run(jobCommand, 'update', 'office', '--cron', '15 3 * * *')).toMatch(/next run 2027-06-01T03:15:00Z$/);
    expect(JSON.parse(await run(jobCommand, 'show', 'office'))).toMatchObject({
      properties: {
        recurrence: { frequency: 'day', schedule: { hours: [3], minutes: [15] } },
        runs: { missed: 'once', window: '01:00:00' },
      },
    });
    await expect(run(jobCommand, 'create', 'x', '--file', 'job.yaml', '--hours', '5')).rejects.toThrow(
      '--file: says all of a job; the options say its recurrence as well',
    );
  });
});

describe('forewarn collection', () => {
  it('creates, lists, shows, changes, disables, bills and deletes job collections', async () => {
    const { url } = await runningScheduler();
    const run = async (...words: string[]) => await shell(url)(collectionCommand, ...words);
    const limits = ['--max-job-count', '20', '--frequency', 'minute', '--interval', '5', '--tag', 'team=shop'];
    expect(await run('create', 'shop', '--location', 'westus', ...limits)).toBe('created shop: Standard, enabled');
    await expect(run('create', 'shop')).rejects.toMatchObject({ code: 'COLLECTION_EXISTS' });
    expect(await run('list')).toMatch(/\nshop {8}default {2}West US {3}Standard {2}Enabled {2}20 {8}every 5 minute$/);
    expect(await run('update', 'shop', '--plan', 'P20Premium')).toBe('updated shop: P20Premium, enabled');
    expect(JSON.parse(await run('show', 'shop'))).toMatchObject({
      tags: { team: 'shop' },
      properties: { quota: { maxJobCount: 20 } },
    });
    expect(await run('disable', 'shop')).toBe('disabled shop');
    expect(JSON.parse(await run('list', '--all', '--json'))).toMatchObject({
      value: [{ properties: { state: 'Disabled' } }],
    });
    expect(await run('enable', 'shop')).toBe('enabled shop');
    expect(await run('billing')).toMatch(/P20Premium {2}1 {12}10000 {4}1000 {10}1$/m);
    expect(await run('delete', 'shop')).toBe('deleted shop');
    expect(await run('list')).toBe('no job collections');
    await expect(run('create', 'a', '--frequency', 'hour')).rejects.toThrow('expected both or neither');
    await expect(run('create', 'a', '--tag', 'x')).rejects.toThrow('--tag: expected a tag like team=shop');
  });

  it('shows the token in the file that the environment names, and says so when one is wanted', async () => {
    const file = path.join(temporaryFolder(), 'owner.token');
    writeFileSync(file, 'an-owner-token-for-tests\n', { mode: 0o600 });
    const { url } = await runningScheduler({ access: { isOpen: false, ownerTokenFile: file } });
    await expect(shell(url)(collectionCommand, 'list')).rejects.toMatchObject({
      message: expect.stringContaining('wants a token') as string,
      hint: expect.stringContaining('FOREWARN_SCHEDULER_TOKEN_FILE') as string,
    });
    const known = shell(url, { FOREWARN_SCHEDULER_TOKEN_FILE: file });
    expect(await known(collectionCommand, 'list')).toBe('no job collections');
  });
});

describe('forewarn user', () => {
  it('gives and takes roles, makes and revokes tokens', async () => {
    const file = path.join(temporaryFolder(), 'owner.token');
    writeFileSync(file, 'an-owner-token-for-tests\n', { mode: 0o600 });
    const { url } = await runningScheduler({ access: { isOpen: false, ownerTokenFile: file } });
    const owner = async (...words: string[]) =>
      await shell(url, { FOREWARN_SCHEDULER_TOKEN_FILE: file })(userCommand, ...words);
    expect(await owner('list')).toMatch(/^no users/);
    expect(await owner('grant', 'ann', 'reader')).toBe('ann: reader of /');
    expect(await owner('grant', 'ann', 'operator', '--scope', '/subscriptions/local')).toMatch(/^ann: operator/);
    const hers = path.join(temporaryFolder(), 'ann.token');
    writeFileSync(hers, `${await owner('token', 'ann', '--valid', '8h')}\n`, { mode: 0o600 });
    const ann = shell(url, { FOREWARN_SCHEDULER_TOKEN_FILE: hers });
    expect(await ann(collectionCommand, 'list')).toBe('no job collections');
    await expect(ann(collectionCommand, 'create', 'a')).rejects.toThrow(/'ann' does not have authorization/);
    await expect(ann(userCommand, 'list')).rejects.toThrow(/does not have authorization/);
    expect(await owner('list')).toMatch(/\nann {3}reader of \/, operator of \/subscriptions\/local {2}\S+ until 2/);
    expect(await owner('ungrant', 'ann')).toBe('ann: no role on / any more');
    await expect(owner('ungrant', 'ann')).rejects.toMatchObject({ code: 'NO_GRANT' });
    const [user] = (JSON.parse(await owner('list', '--json')) as { value: { tokens: { id: string }[] }[] }).value;
    await owner('revoke', 'ann', user?.tokens[0]?.id ?? '');
    await expect(ann(collectionCommand, 'list')).rejects.toThrow(/was revoked or has expired/);
    expect(await owner('delete', 'ann')).toMatch(/^ann and all tokens/);
    await expect(owner('token', 'ann')).rejects.toThrow(/'ann' cannot be found/);
    await expect(owner('token', 'ann', '--valid', 'soon')).rejects.toMatchObject({ code: 'DURATION' });
    await expect(owner('grant', 'ann', 'king')).rejects.toThrow(/grants.0.role/);
  });
});
