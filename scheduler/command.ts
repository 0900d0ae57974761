import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import { stopSignal } from '../common/runtime/lifecycle.ts';
import { rotateKeyCommand } from './secrets/command.ts';
import { storeCommands } from './store-commands.ts';

const EXAMPLES = `
Examples:
  forewarn scheduler                          listens on 127.0.0.1:7080, keeps its data in ./forewarn.db
  forewarn scheduler --config scheduler.yaml  as the file says

The file, with its defaults (only access has none; without a file it is open on loopback):
  listen: 127.0.0.1:7080                      # beyond loopback only with access.ownerTokenFile and tls
  access: { loopback: open }                  # or { ownerTokenFile: owner.token }; others: forewarn user
  hosts: []                                   # what clients call it besides: [jobs.example:7443]
    # tls: { certificate: server.pem, key: server.key }   # or off, where a proxy does it
  store: { sqlite: forewarn.db }              # relative to the file
    # postgres: { url: "postgres://user:\${PASSWORD}@host/database", connections: 10, replication: none }
    #                                         # replication: none | synchronous | asynchronous (no withdrawals then)
  replica: {}                                 # name: (this host), region: westus; for several on one PostgreSQL
  http:
    allowPrivate: false                       # may jobs call loopback and private addresses?
    allow: []                                 # or only these of them: [10.1.0.0/16, 127.0.0.1]
    followRedirects: 0                        # of one request; another origin gets no header of the job and no credentials
    authority: https://login.microsoftonline.com   # who gives tokens for ActiveDirectoryOAuth
    # trust: company-ca.pem                   # certificates that are trusted besides the well-known ones
  storageQueue: { endpoint: "https://{account}.queue.core.windows.net" }
  serviceBus:
    amqp: amqps://{namespace}.servicebus.windows.net    # transportType AMQP
    rest: https://{namespace}.servicebus.windows.net    # transportType NetMessaging
  coordination: { unmanaged: [] }             # VMs without an agent: nobody waits for their promise
  agents: {}                                  # enrolment: required, also on loopback; elsewhere it always is
  secrets: {}                                 # keyFile: secrets.key, made by: forewarn scheduler rotate-key
  plans: {}                                   # Free: { jobs: 50, collections: 10 }; limits that were for billing
  calendars: {}                               # blackouts that jobs name in recurrence.blackouts, for instance
    # freeze:
    #   timeZone: Europe/Berlin               # default UTC
    #   days: [2026-12-24, 12-25]             # that day; every year
    #   weekDays: [sunday]
    #   periods: [{ from: 2026-12-20T18:00, until: 2027-01-04 }]
  metrics: true                               # GET /metrics for Prometheus; false saves its library's memory
  log: { level: info }

Once ready it prints one line of JSON with "msg":"ready" and its address. Then try:
  forewarn vms
  forewarn job put hello --file job.json`;

/** `forewarn scheduler`. */
export function schedulerCommand(context: CommandContext): Command {
  const scheduler = new Command('scheduler')
    .description('Runs jobs, rolls maintenance over the fleet, and keeps the agreements of the agents.')
    .option('-c, --config <file>', 'settings file (YAML)')
    .addHelpText('after', EXAMPLES)
    .action(async (options: { config?: string }) => {
      const { runScheduler } = await import('./main.ts');
      await runScheduler(
        { config: options.config, environment: context.environment, folder: process.cwd(), cliFile: context.cliFile },
        stopSignal(),
      );
    });
  for (const command of storeCommands(context)) scheduler.addCommand(command);
  scheduler.addCommand(rotateKeyCommand(context));
  return scheduler;
}
