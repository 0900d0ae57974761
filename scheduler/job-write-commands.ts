import type { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import type { WriteOptions } from './job-write-actions.ts';

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

/** Adds `create` and `update`, whose options are the parameters that the PowerShell cmdlets had. */
export function addWriteCommands(
  context: CommandContext,
  add: (name: string, description: string, example: string) => Command,
): void {
  withJobOptions(
    add(
      'create',
      'Creates a job from options, or from a file (put replaces one that is there).',
      `forewarn job create ping --uri https://example.com/ping --frequency hour
  forewarn job create nightly --uri http://127.0.0.1:8080/ --method POST --body '{}' --header 'Content-Type: application/json' \\
    --start 2026-11-21T02:00 --frequency day --retry-count 2 --retry-interval PT1M --error-uri http://127.0.0.1:8080/failed
  forewarn job create morning --uri https://example.com/ --week-days mon-fri --hours 9 --minutes 30 --time-zone Europe/Berlin
  forewarn job create closing --uri https://example.com/ --monthly-occurrences 'last friday' --hours 18
  forewarn job create cleanup --uri https://example.com/ --cron '30 2 * * 1-5' --time-zone Europe/Berlin
  forewarn job create report --uri https://example.com/ --auth Basic --username me --password-file secret.txt
  forewarn job create orders --uri https://example.com/ --frequency day --error-storage-account mine --error-queue failed \\
    --error-sas-token-file sas.txt --error-message 'orders failed'
  forewarn job create patch --task patch --role FrontEnd
  forewarn job create later --file job.yaml`,
    ),
  )
    .option('-f, --file <file>', 'the job (JSON or YAML), as the REST API takes it, instead of options')
    .action(async (name: string, options: WriteOptions) => {
      await (await import('./job-write-actions.ts')).createJob(context, name, options);
    });
  withJobOptions(
    add(
      'update',
      'Changes what the options say of a job and leaves the rest.',
      `forewarn job update nightly --interval 2
  forewarn job update nightly --hours 3,15 --minutes none
  forewarn job update report --auth none`,
    ),
  ).action(async (name: string, options: WriteOptions) => {
    await (await import('./job-write-actions.ts')).updateJob(context, name, options);
  });
  for (const [verb, description] of [
    ['enable', 'Enables a job: it goes on with its calendar from now.'],
    ['disable', 'Disables a job: what would be due meanwhile is left out.'],
  ] as const) {
    add(verb, description, `forewarn job ${verb} nightly --collection shop`)
      .argument('<name>')
      .action(async (name: string, options: WriteOptions) => {
        await (await import('./job-write-actions.ts')).setJobState(context, name, verb, options);
      });
  }
}

/** Secrets are named by file: an argument can be read by everybody on the machine while the command runs. */
function withJobOptions(command: Command): Command {
  return withErrorOptions(withScheduleOptions(withActionOptions(command)));
}

/** When it runs: the cmdlets' start, frequency, interval, end and count, and the schedule, which they could not say. */
function withScheduleOptions(command: Command): Command {
  return command
    .option(
      '--start <time>',
      'not before this time, ISO 8601 (default: at once, and then as --frequency says; with a list or --cron: as they say)',
    )
    .option('--frequency <unit>', 'minute, hour, day, week, month or year (default: as the lists below say, or once)')
    .option('--interval <number>', 'every so many of them (default 1)')
    .option('--count <number>', 'so many times')
    .option('--end <time>', 'not after this time')
    .option(
      '--minutes <list>',
      'at these minutes of the hour: 0,15,30,45 (default: that of --start, or 0); none takes a list away',
    )
    .option('--hours <list>', 'at these hours of the day: 9-17')
    .option('--week-days <list>', 'on these days of the week: mon-fri')
    .option('--month-days <list>', 'on these days of the month; with = from its end: --month-days=1,-1')
    .option(
      '--monthly-occurrences <list>',
      'on these weekdays of the month: "first monday, last friday", or monday:1,friday:-1',
    )
    .option('--months <list>', 'in these months only: jan-mar')
    .option('--cron <expression>', "all of that as cron writes it: '30 2 * * 1-5'; quote it")
    .option('--time-zone <name>', 'IANA zone of the calendar (default UTC)')
    .option('--clock-gap <policy>', 'a time that a clock change leaves out: skip, shift or edge')
    .option('--clock-overlap <policy>', 'a time that comes twice: first, last or both')
    .option('--exclude <dates>', 'not on these: 2026-12-24,2026-12-25')
    .option('--blackouts <names>', "not in these calendars of the scheduler's settings")
    .option('--missed <choice>', 'runs that were missed while the scheduler was down: skip, once or all')
    .option('--overlap <choice>', 'a run that is due during the last one: skip, queue, allow or cancel')
    .option('--window <duration>', 'no run begins later than this after its time: PT1H');
}

function withActionOptions(command: Command): Command {
  return command
    .argument('<name>')
    .option(
      '--type <type>',
      'Http, Https, StorageQueue, ServiceBusQueue, ServiceBusTopic or Fleet; else as the others say',
    )
    .option('--uri <address>', 'address of an HTTP job')
    .option('--method <method>', 'its method (default GET)')
    .option('--body <text>', 'its body')
    .option('--header <line>', 'one of its headers, "Name: value"; may be repeated', collect)
    .option('--auth <type>', 'Basic, ClientCertificate or ActiveDirectoryOAuth; none takes it away')
    .option('--username <name>', 'for Basic')
    .option('--password-file <file>', 'file with the password, for Basic and ClientCertificate')
    .option('--pfx-file <file>', 'file with the certificate and its key (PFX), for ClientCertificate')
    .option('--tenant <id>', 'for ActiveDirectoryOAuth')
    .option('--audience <address>', 'for ActiveDirectoryOAuth')
    .option('--client-id <id>', 'for ActiveDirectoryOAuth')
    .option('--secret-file <file>', 'file with the secret, for ActiveDirectoryOAuth')
    .option('--storage-account <name>', 'account of a storage queue')
    .option('--queue <name>', 'the storage or Service Bus queue')
    .option('--sas-token-file <file>', 'file with the token of a storage queue')
    .option('--namespace <name>', 'of Service Bus')
    .option('--topic <path>', 'Service Bus topic')
    .option('--transport-type <type>', 'NetMessaging or AMQP')
    .option('--sas-key-name <name>', 'of Service Bus')
    .option('--sas-key-file <file>', 'file with that key')
    .option('--message <text>', 'what is put into the queue or topic')
    .option('--task <name>', 'task that is rolled over VMs')
    .option('--role <name>', 'which VMs: of this role')
    .option('--scope <name>', 'which VMs: of this scope')
    .option('--retry-count <number>', 'how often a failed run is tried again (default 4)')
    .option('--retry-interval <duration>', 'and after how long, PT30S or 00:00:30 (default)')
    .option('--no-retry', 'a failed run is not tried again')
    .option('--state <state>', 'Enabled or Disabled');
}

/** The error action may be of any type but Fleet, whatever the type of the job is. */
function withErrorOptions(command: Command): Command {
  return command
    .option('--error-uri <address>', 'called once a run has failed for good')
    .option('--error-method <method>', 'its method (default GET)')
    .option('--error-body <text>', 'its body')
    .option('--error-header <line>', 'one of its headers; may be repeated', collect)
    .option('--error-type <type>', 'of what is done then; none takes it away (the others: as without "error-")')
    .option('--error-auth <type>')
    .option('--error-username <name>')
    .option('--error-password-file <file>')
    .option('--error-pfx-file <file>')
    .option('--error-tenant <id>')
    .option('--error-audience <address>')
    .option('--error-client-id <id>')
    .option('--error-secret-file <file>')
    .option('--error-storage-account <name>')
    .option('--error-queue <name>')
    .option('--error-sas-token-file <file>')
    .option('--error-namespace <name>')
    .option('--error-topic <path>')
    .option('--error-transport-type <type>')
    .option('--error-sas-key-name <name>')
    .option('--error-sas-key-file <file>')
    .option('--error-message <text>');
}
