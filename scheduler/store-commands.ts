import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';

interface Options {
  readonly config?: string;
  readonly replace?: true;
  readonly json?: true;
}

const CONFIG = ['-c, --config <file>', 'settings file of the scheduler, whose store is meant'] as const;
const REPLACE = ['--replace', 'delete what the target has; without it only an empty one is written'] as const;
const JSON_OUTPUT = ['--json', 'print the numbers of rows as JSON'] as const;

/**
 * `forewarn scheduler backup|restore|migrate`. `forewarn scheduler` has --config itself and takes it wherever it stands, so the
 * options are asked for with those of the command above.
 */
export function storeCommands(context: CommandContext): readonly Command[] {
  const backup = new Command('backup')
    .description('Copies all data of a scheduler into one new file.')
    .argument('<file>', 'the SQLite file to make; it is itself a store')
    .option(...CONFIG)
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      `
A SQLite store belongs to the scheduler that runs: stop that first. PostgreSQL is copied as it was at one moment, while the
replicas go on. The file holds everything, so keep it as you keep the store.

Examples:
  forewarn scheduler backup monday.db
  forewarn scheduler backup --config scheduler.yaml /backup/$(date +%F).db`,
    )
    .action(async (file: string, _options: Options, command: Command) => {
      const { backupStore } = await import('./store/maintenance.ts');
      await backupStore(context, file, command.optsWithGlobals());
    });
  const restore = new Command('restore')
    .description('Copies a backup into the store of a scheduler that is stopped, all of it or nothing.')
    .argument('<file>', 'what backup made')
    .option(...CONFIG)
    .option(...REPLACE)
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      `
What was running when the backup was made runs again, under the same key and the next attempt.

Examples:
  forewarn scheduler restore monday.db
  forewarn scheduler restore --config scheduler.yaml --replace /backup/2026-11-20.db`,
    )
    .action(async (file: string, _options: Options, command: Command) => {
      const { restoreStore } = await import('./store/maintenance.ts');
      await restoreStore(context, file, command.optsWithGlobals());
    });
  const migrate = new Command('migrate')
    .description('Copies one store into another: SQLite into PostgreSQL, or back.')
    .argument('<from>', 'a SQLite file, or postgres://…')
    .argument('<to>', 'a SQLite file, or postgres://…')
    .option(...REPLACE)
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      `
Examples:
  forewarn scheduler migrate forewarn.db postgres://forewarn@db.example/forewarn
  forewarn scheduler migrate postgres://forewarn@db.example/forewarn forewarn.db`,
    )
    .action(async (from: string, to: string, options: Options) => {
      const { migrateStore } = await import('./store/maintenance.ts');
      await migrateStore(context, { from, to }, options);
    });
  return [backup, restore, migrate];
}
