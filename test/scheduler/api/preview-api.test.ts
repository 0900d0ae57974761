import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../../common/runtime/command.ts';
import { toCalendars } from '../../../scheduler/blackout-settings.ts';
import { jobCommand } from '../../../scheduler/job-commands.ts';
import { runningScheduler } from '../../support/running-scheduler.ts';
import { apiOf, errorOf, http, job, SHOP, type Api, type Body } from '../../support/scheduler-api.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const calendar = { timeZone: 'UTC', days: ['2027-03-28'], weekDays: [], periods: [] };
const NIGHTLY = {
  frequency: 'day',
  schedule: { hours: [2], minutes: [30] },
  timeZone: 'Europe/Berlin',
  blackouts: ['freeze'],
};

async function withFreeze(): Promise<{ readonly url: string; readonly shop: Api }> {
  const { url } = await runningScheduler({ calendars: toCalendars({ freeze: calendar }) });
  const shop = apiOf(url);
  await shop.call('put', SHOP, {});
  return { url, shop };
}

const wanted = (recurrence: Body = NIGHTLY): Body => job({ startTime: '2027-03-26T12:00:00Z', recurrence });
const occurrencesOf = (body: Body): Body[] => body['occurrences'] as Body[];

describe('the preview of a job', () => {
  it('is in local time and UTC, with what is skipped and why', async () => {
    const { shop } = await withFreeze();
    await shop.call('put', `${SHOP}/jobs/a`, wanted());
    const { status, body } = await shop.call('get', `/forewarn/v1${SHOP}/jobs/a/next`, undefined, { count: '3' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'enabled', timeZone: 'Europe/Berlin', shortestGapSeconds: 86_400 });
    expect(occurrencesOf(body)).toEqual([
      { kind: 'run', utc: '2027-03-27T01:30:00Z', local: '2027-03-27 02:30:00 +01:00', note: null },
      {
        kind: 'skipped',
        utc: '2027-03-28T01:30:00Z',
        local: '2027-03-28 03:30:00 +02:00',
        note: "blackout calendar 'freeze'",
      },
      { kind: 'run', utc: '2027-03-29T00:30:00Z', local: '2027-03-29 02:30:00 +02:00', note: null },
    ]);
  });

  it('can be had of a job that is not stored, and stores none', async () => {
    const { shop } = await withFreeze();
    const range = { from: '2027-03-29', until: '2027-03-31' };
    const { body } = await shop.call('post', '/forewarn/v1/preview', wanted(), range);
    expect(occurrencesOf(body).map(({ utc }) => utc)).toEqual(['2027-03-29T00:30:00Z', '2027-03-30T00:30:00Z']);
    expect((await shop.call('get', `${SHOP}/jobs`)).body).toMatchObject({ value: [] });
  });

  it('says when the last run is, where that can be told', async () => {
    const { shop } = await withFreeze();
    const { body } = await shop.call('post', '/forewarn/v1/preview', wanted({ frequency: 'month', count: 100 }));
    expect(body['lastOccurrence']).toBe('2035-06-26T12:00:00Z');
  });

  it.each([
    ['count', '0', /'count' is not valid: expected a whole number from 1 to 1000/],
    ['count', 'many', /'count' is not valid/],
    ['from', 'soon', /'from' is not valid: expected an ISO 8601/],
    ['until', '2027-02-30', /'until' is not valid/],
  ])('refuses the %s %s', async (name, value, message) => {
    const { shop } = await withFreeze();
    const answer = await shop.call('post', '/forewarn/v1/preview', wanted(), { [name]: value });
    expect(answer.status).toBe(400);
    expect(errorOf(answer.body).message).toMatch(message);
  });

  it('of a job that is not there is not found', async () => {
    const { shop } = await withFreeze();
    expect((await shop.call('get', `/forewarn/v1${SHOP}/jobs/none/next`)).status).toBe(404);
  });
});

describe('a blackout calendar', () => {
  it('is listed, and a job that names another is refused', async () => {
    const { shop } = await withFreeze();
    const listed = await shop.call('get', '/forewarn/v1/calendars');
    expect(listed.body).toEqual({ value: [{ name: 'freeze', coversUntil: null }] });
    const refused = await shop.call('put', `${SHOP}/jobs/a`, wanted({ ...NIGHTLY, blackouts: ['frieze'] }));
    expect(refused.status).toBe(400);
    expect(errorOf(refused.body).message).toMatch(/'frieze' is no blackout calendar; the setting calendars has freeze/);
  });
});

describe('forewarn job next and cron', () => {
  async function run(url: string, ...words: string[]): Promise<string> {
    const printed: string[] = [];
    const context: CommandContext = {
      environment: { FOREWARN_SCHEDULER: url },
      terminal: { print: (text) => printed.push(text), printError: (text) => printed.push(text), hasColor: false },
      cliFile: 'cli.ts',
    };
    await jobCommand(context).exitOverride().parseAsync(words, { from: 'user' });
    return printed.join('\n');
  }

  it('print a table for people and JSON for programs, of a stored job or of a file', async () => {
    const { url, shop } = await withFreeze();
    await shop.call('put', `${SHOP}/jobs/a`, wanted());
    const [, , , subscription = '', , group = '', , , , collection = ''] = `/${SHOP}`.split('/');
    const there = ['--subscription', subscription, '--resource-group', group, '-c', collection];
    const table = await run(url, 'next', 'a', '-n', '2', ...there);
    expect(table.split('\n')[2]).toMatch(
      /^skipped {2}2027-03-28 03:30:00 \+02:00 {2}2027-03-28T01:30:00Z {2}blackout calendar 'freeze'$/,
    );
    expect(await run(url, 'list', ...there)).toMatch(/ {2}every 1 day \(scheduled, Europe\/Berlin\) {2}/);
    const file = path.join(temporaryFolder(), 'job.yaml');
    writeFileSync(file, JSON.stringify({ ...(wanted()['properties'] as Body), action: http(), state: 'disabled' }));
    expect(await run(url, 'next', '--file', file)).toMatch(/The job is disabled/);
    expect(JSON.parse(await run(url, 'next', '--file', file, '--json'))).toMatchObject({ timeZone: 'Europe/Berlin' });
  });

  it('want one of a name and a file', async () => {
    await expect(run('http://127.0.0.1:1', 'next')).rejects.toMatchObject({ code: 'JOB_NEXT', exitStatus: 2 });
  });

  it('turn a cron expression into a recurrence that the scheduler takes', async () => {
    const { url, shop } = await withFreeze();
    expect(await run(url, 'cron', '15,45 9 * * *')).toMatch(/\n {4}hours: \[9\]\n {4}minutes: \[15, 45\]$/);
    const text = await run(url, 'cron', '0 * * * 1', '--time-zone', 'Europe/Berlin', '--json');
    const imported = JSON.parse(text) as Body;
    expect(imported['recurrence']).toMatchObject({
      frequency: 'week',
      timeZone: 'Europe/Berlin',
      clockChanges: { gap: 'skip', overlap: 'both' },
    });
    const body = { properties: { ...imported, startTime: '2027-01-01T00:00:00Z', action: http() } };
    expect((await shop.call('put', `${SHOP}/jobs/a`, body)).status).toBe(201);
  });

  it.each([
    [['cron', '0 0 13 * 5'], 'CRON_EXPRESSION', /cannot become a recurrence: it names days of the month and weekdays/],
    [['cron', '@daily', '--time-zone', 'Mars'], 'TIME_ZONE', /'Mars' is no time zone/],
  ])('refuse %j', async (words, code, message) => {
    await expect(run('http://127.0.0.1:1', ...words)).rejects.toMatchObject({
      code,
      exitStatus: 2,
      message: expect.stringMatching(message) as string,
    });
  });
});
