import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandContext } from '../../common/runtime/command.ts';
import { jobCommand } from '../../scheduler/job-commands.ts';
import { eventsCommand } from '../../scheduler/event-commands.ts';
import { vmsCommand } from '../../scheduler/operator-commands.ts';
import { eventually, FakeAgent, runningScheduler, vmIdentity } from '../support/running-scheduler.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Shell {
  readonly run: (
    make: (context: CommandContext) => ReturnType<typeof vmsCommand>,
    ...words: string[]
  ) => Promise<string>;
}

/** The commands as their user runs them, with the scheduler found through the environment. */
function shell(url: string): Shell {
  return {
    run: async (make, ...words) => {
      const printed: string[] = [];
      const context: CommandContext = {
        environment: { FOREWARN_SCHEDULER: url },
        terminal: { print: (text) => printed.push(text), printError: (text) => printed.push(text), hasColor: false },
        cliFile: 'cli.ts',
      };
      await make(context).exitOverride().parseAsync(words, { from: 'user' });
      return printed.join('\n');
    },
  };
}

function jobFile(text: string): string {
  const file = path.join(temporaryFolder(), 'job.yaml');
  writeFileSync(file, text);
  return file;
}

const LATER =
  'startTime: 2027-01-01T00:00:00Z\naction: { type: Http, request: { uri: "http://127.0.0.1:1/", method: GET }, retryPolicy: { retryType: none } }\n';

describe('forewarn job', () => {
  it('puts a job and its missing collection, lists, shows, runs and deletes it, and tells its history', async () => {
    const { run } = shell((await runningScheduler()).url);
    const file = jobFile(LATER);
    const nightly = ['nightly', '-c', 'shop'];
    expect(await run(jobCommand, 'put', ...nightly, '-f', file)).toBe(
      'created shop/nightly: enabled, next run 2027-01-01T00:00:00Z',
    );
    expect(await run(jobCommand, 'put', ...nightly, '-f', file)).toMatch(/^replaced shop\/nightly/);
    expect(await run(jobCommand, 'list', '-c', 'shop')).toMatch(
      /^JOB {6}ACTION .*\nnightly {2}Http {4}enabled {2}once {8}- {5}2027-01-01T00:00:00Z$/,
    );
    expect(JSON.parse(await run(jobCommand, 'show', ...nightly))).toMatchObject({ name: 'shop/nightly' });
    expect(await run(jobCommand, 'history', ...nightly)).toBe('no executions yet');
    expect(await run(jobCommand, 'run', ...nightly)).toMatch(/^started shop\/nightly/);
    const table = await eventually(
      async () => await run(jobCommand, 'history', ...nightly),
      (text) => text.includes('failed'),
    );
    expect(table).toContain('ConnectFailure Unable to connect to the remote server');
    expect(JSON.parse(await run(jobCommand, 'list', '-c', 'shop', '--json'))).toMatchObject({
      value: [{ name: 'shop/nightly' }],
    });
    expect(await run(jobCommand, 'delete', ...nightly)).toBe('deleted shop/nightly');
    expect(await run(jobCommand, 'list', '-c', 'shop')).toBe('no jobs');
  });

  it('tells in the history when a run ended, and what was only done after it had failed', async () => {
    const { run } = shell((await runningScheduler()).url);
    const failing =
      'type: Http, request: { uri: "http://127.0.0.1:1/", method: GET }, retryPolicy: { retryType: none }';
    const twice = jobFile(`action: { ${failing}, errorAction: { ${failing} } }\n`);
    await run(jobCommand, 'put', 'twice', '-f', twice);
    const table = await eventually(
      async () => await run(jobCommand, 'history', 'twice'),
      (text) => text.split('\n').length === 3,
    );
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:[\d.]+Z`;
    expect(table).toMatch(
      new RegExp(`^START +END +STATUS +RUN +RETRY +MESSAGE\n${time} +${time} +failed \\(error action\\) +1 +0`),
    );
    expect(table).toMatch(new RegExp(`\n${time} +${time} +failed +1 +0 +Http Action - `));
  });

  it.each([
    ['a job that does not exist', ['show', 'none'], 'SCHEDULER_REFUSED', /was not found/],
    [
      'a file that does not exist',
      ['put', 'a', '-f', '/nowhere/job.yaml'],
      'JOB_FILE',
      /cannot read the job file \/nowhere\/job\.yaml/,
    ],
  ])('says what is wrong with %s', async (_title, words, code, message) => {
    const { run } = shell((await runningScheduler()).url);
    await expect(run(jobCommand, ...words)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    ['no YAML', '{ a', 'JOB_FILE', /expected JSON or YAML/],
    ['no job', 'hello', 'JOB_FILE', /expected a job, found "hello"/],
    [
      'a job with a mistake',
      'action: { type: Http }',
      'SCHEDULER_REFUSED',
      /'properties\.action\.request' is required/,
    ],
  ])('says what is wrong with a file that holds %s', async (_title, text, code, message) => {
    const { run } = shell((await runningScheduler()).url);
    await expect(run(jobCommand, 'put', 'a', '-f', jobFile(text))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it('says where it looked for a scheduler that is not there, and how to name another', async () => {
    await expect(shell('http://127.0.0.1:1').run(jobCommand, 'list')).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      message: expect.stringContaining('http://127.0.0.1:1') as string,
      hint: expect.stringContaining('--scheduler URL') as string,
    });
    await expect(shell('localhost').run(jobCommand, 'list')).rejects.toMatchObject({
      code: 'SCHEDULER_URL',
      exitStatus: 2,
    });
  });
});

describe('forewarn vms and forewarn events', () => {
  it('print tables for people and JSON for programs', async () => {
    const { url } = await runningScheduler();
    const { run } = shell(url);
    expect(await run(vmsCommand)).toBe('no VM is known: no agent has spoken to this scheduler yet');
    expect(await run(eventsCommand)).toBe('no events');
    const agent = await FakeAgent.join(url, vmIdentity('Web_0'));
    const resources = ['Web_0', 'Web_1'];
    const promise = { promise: 'prepared', deadlineReached: false, localIntent: false } as const;
    await agent.command({
      kind: 'report',
      scope: 'shop',
      eventId: 'E1',
      name: 'Web_0',
      vmId: 'id-of-Web_0',
      number: 1,
      eventType: 'Reboot',
      resources,
      ...promise,
    });
    expect(await run(vmsCommand)).toMatch(
      /\nWeb_0 {2}FrontEnd {2}shop {3}0 {3}connected {2}in rotation {2}- {4}0\.1\.0$/,
    );
    expect(await run(eventsCommand)).toMatch(
      /\nE1 {5}Reboot {2}preparing {2}- {7}- {7}Web_0: prepared, web_1: unknown {2}Waits, because web_1 has not reported/,
    );
    expect(JSON.parse(await run(vmsCommand, '--json'))).toMatchObject({ value: [{ name: 'Web_0', connected: true }] });
    expect(JSON.parse(await run(eventsCommand, '--json'))).toMatchObject({
      value: [{ eventId: 'E1', phase: 'preparing' }],
    });
    await agent.command({ kind: 'campaign', scope: 'shop', eventId: 'E1', holder: 'Web_0' });
    await agent.command({ kind: 'end', scope: 'shop', eventId: 'E1', holder: 'Web_0', term: 1 });
    expect(await run(eventsCommand)).toBe('no events under way (1 over; --all shows them)');
    expect(await run(eventsCommand, '--all')).toContain('ended');
  });
});
