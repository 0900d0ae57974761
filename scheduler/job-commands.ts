import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import type { JobOptions } from './job-actions.ts';
import { addWriteCommands } from './job-write-commands.ts';
import type { NextOptions } from './schedule-actions.ts';

const EXAMPLES = `
Examples:
  forewarn job create ping --uri https://example.com/ping --frequency hour
  forewarn job create morning --uri https://example.com/ --week-days mon-fri --hours 9 --time-zone Europe/Berlin
  forewarn job put nightly --file job.yaml      creates or replaces it (and its collection, if that is missing)
  forewarn job list
  forewarn job run nightly                      once, now, beside its calendar
  forewarn job history nightly
  forewarn job next nightly                     when it will run, in local time and UTC; what is skipped, and why
  forewarn job next --file job.yaml             the same for a job that is only thought of
  forewarn job cron '30 2 * * 1-5'              a cron expression as a recurrence

A job.yaml that calls an address every day at six:
  properties:
    startTime: 2026-11-21T06:00:00Z
    recurrence: { frequency: day, interval: 1 }
    action:
      type: Http
      request: { uri: "https://example.com/nightly", method: POST, body: "{}" }

At half past two in Berlin from Monday to Friday, not in the freeze (a calendar of the scheduler's settings):
  properties:
    startTime: 2026-11-21T00:00:00Z
    recurrence:
      frequency: week
      schedule: { weekDays: [monday, tuesday, wednesday, thursday, friday], hours: [2], minutes: [30] }
      timeZone: Europe/Berlin
      clockChanges: { gap: shift, overlap: first }    # or skip, edge; last, both
      blackouts: [freeze]
      excludedDates: [2026-12-24]
    action: ...

One that rolls the task "patch" over the VMs of a role, one at a time, at once:
  properties:
    action: { type: Fleet, fleet: { selector: { role: FrontEnd }, task: patch } }`;

/** `forewarn job`. */
export function jobCommand(context: CommandContext): Command {
  const command = new Command('job')
    .description('Creates, lists, runs and deletes jobs, and shows their history.')
    .addHelpText('after', EXAMPLES);
  const add = (name: string, description: string, example: string): Command => {
    const child = new Command(name)
      .description(description)
      .option('-c, --collection <name>', 'job collection', 'jobs')
      .option('--subscription <id>', 'subscription', 'local')
      .option('--resource-group <name>', 'resource group', 'default')
      .option('--scheduler <url>', 'address of the scheduler (or FOREWARN_SCHEDULER; default http://127.0.0.1:7080)')
      .option('--json', 'as JSON')
      .addHelpText('after', `\nExample:\n  ${example}`);
    command.addCommand(child);
    return child;
  };
  addWriteCommands(context, add);
  add(
    'put',
    'Creates a job, or replaces the one of that name.',
    'forewarn job put patch --collection shop --file job.json',
  )
    .argument('<name>')
    .requiredOption('-f, --file <file>', 'the job (JSON or YAML), as the REST API takes it')
    .action(async (name: string, options: JobOptions & { file: string }) => {
      await (await import('./job-actions.ts')).putJob(context, name, options);
    });
  add('list', 'Lists the jobs of a collection.', 'forewarn job list --collection shop')
    .option('--state <state>', 'only those that are enabled, disabled, completed or faulted')
    .action(async (options: JobOptions & { state?: string }) => {
      await (await import('./job-actions.ts')).listJobs(context, options);
    });
  add('show', 'Shows a job.', 'forewarn job show patch --collection shop')
    .argument('<name>')
    .action(async (name: string, options: JobOptions) => {
      await (await import('./job-actions.ts')).showJob(context, name, options);
    });
  add('run', 'Runs a job once, now, beside its calendar.', 'forewarn job run patch --collection shop')
    .argument('<name>')
    .action(async (name: string, options: JobOptions) => {
      await (await import('./job-actions.ts')).runJob(context, name, options);
    });
  add('delete', 'Deletes a job and its history.', 'forewarn job delete patch --collection shop')
    .argument('<name>')
    .action(async (name: string, options: JobOptions) => {
      await (await import('./job-actions.ts')).deleteJob(context, name, options);
    });
  add(
    'history',
    'Shows how the executions of a job went, the newest first.',
    'forewarn job history patch --collection shop',
  )
    .argument('<name>')
    .option('--status <status>', 'only those that completed, failed or were postponed')
    .action(async (name: string, options: JobOptions & { status?: string }) => {
      await (await import('./job-actions.ts')).showHistory(context, name, options);
    });
  addScheduleCommands({ context, command }, add);
  return command;
}

/** What a job's calendar will do. */
function addScheduleCommands(
  { context, command }: { readonly context: CommandContext; readonly command: Command },
  add: (name: string, description: string, example: string) => Command,
): void {
  add(
    'next',
    'Shows when a job will run, in local time and UTC, and what is skipped and why.',
    'forewarn job next patch --collection shop --count 20\n  forewarn job next --file job.yaml --from 2027-03-25 --until 2027-04-01',
  )
    .argument('[name]')
    .option('-f, --file <file>', 'a job (JSON or YAML) that is not to be stored, only thought of')
    .option('-n, --count <number>', 'how many lines (default 10)')
    .option('--from <time>', 'from this time on (default now)')
    .option('--until <time>', 'before this time')
    .action(async (name: string | undefined, options: NextOptions) => {
      await (await import('./schedule-actions.ts')).showNext(context, name, options);
    });
  const cron = new Command('cron')
    .description('Shows a cron expression as the startTime and recurrence of a job.')
    .argument('<expression>', 'five fields, or six with seconds first, or a macro like @daily; quote it')
    .option('--time-zone <name>', 'IANA zone whose clock it is written in (default UTC)')
    .option('--json', 'as JSON')
    .addHelpText('after', "\nExample:\n  forewarn job cron '30 2 * * 1-5' --time-zone Europe/Berlin")
    .action(async (expression: string, options: { timeZone?: string; json?: true }) => {
      const { systemClock } = await import('../common/runtime/clock.ts');
      (await import('./schedule-actions.ts')).showCron(context, systemClock, expression, options);
    });
  command.addCommand(cron);
}
