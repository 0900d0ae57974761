import { existsSync } from 'node:fs';
import path from 'node:path';
import type { CommandContext } from '../../common/runtime/command.ts';
import { systemClock } from '../../common/runtime/clock.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { createLog } from '../../common/runtime/log.ts';
import { systemRandom } from '../../common/runtime/random.ts';
import { formatTable } from '../../common/runtime/terminal.ts';
import { readSchedulerSettings } from '../settings.ts';
import { copyStore, type CopiedRows } from './copy.ts';
import { storeSettingsOf, storeSchema, type StoreSettings } from './settings.ts';
import type { SqlStore } from './sql.ts';

export interface MaintenanceOptions {
  readonly config?: string;
  readonly replace?: true;
  readonly json?: true;
}

/** Copies the store of the settings into a new SQLite file, which is itself a store. */
export async function backupStore(context: CommandContext, file: string, options: MaintenanceOptions): Promise<void> {
  if (existsSync(file)) {
    throw new UserError('BACKUP_EXISTS', `${file} exists already`, { exitStatus: EXIT_USAGE });
  }
  const { store } = await readSchedulerSettings(options.config, context.environment, process.cwd());
  await copyBetween(context, { from: store, to: fileStore(file) }, options);
}

/** Copies a backup into the store of the settings. */
export async function restoreStore(context: CommandContext, file: string, options: MaintenanceOptions): Promise<void> {
  assertExists(file);
  const { store } = await readSchedulerSettings(options.config, context.environment, process.cwd());
  await copyBetween(context, { from: fileStore(file), to: store }, options);
}

/** Copies one store into another: each a SQLite file or the address of a PostgreSQL database. */
export async function migrateStore(
  context: CommandContext,
  places: { readonly from: string; readonly to: string },
  options: MaintenanceOptions,
): Promise<void> {
  const [from, to] = [placeOf(places.from), placeOf(places.to)];
  if (from.kind === 'sqlite') assertExists(from.file);
  await copyBetween(context, { from, to }, options);
}

function placeOf(text: string): StoreSettings {
  return /^postgres(ql)?:\/\//.test(text)
    ? storeSettingsOf(storeSchema.parse({ postgres: { url: text } }), '.')
    : fileStore(text);
}

function fileStore(file: string): StoreSettings {
  return { kind: 'sqlite', file: path.resolve(file) };
}

function assertExists(file: string): void {
  if (!existsSync(file)) throw new UserError('STORE_MISSING', `there is no file ${file}`, { exitStatus: EXIT_USAGE });
}

async function copyBetween(
  context: CommandContext,
  places: { readonly from: StoreSettings; readonly to: StoreSettings },
  options: MaintenanceOptions,
): Promise<void> {
  const from = await openDatabase(places.from);
  try {
    const to = await openDatabase(places.to);
    try {
      print(context, options, await copyStore(from, to, { replace: options.replace === true }));
    } finally {
      await to.db.destroy();
    }
  } finally {
    await from.db.destroy();
  }
}

async function openDatabase(settings: StoreSettings): Promise<SqlStore> {
  const parts = { clock: systemClock, random: systemRandom, log: createLog('scheduler', 'warn') };
  if (settings.kind === 'sqlite') {
    const { openSqliteDatabase } = await import('./sqlite.ts');
    return await openSqliteDatabase(settings.file, parts);
  }
  const { openPostgresDatabase } = await import('./postgres.ts');
  return (await openPostgresDatabase(settings, parts, { isUnhurried: true })).store;
}

function print(context: CommandContext, options: MaintenanceOptions, copied: CopiedRows): void {
  const rows = Object.entries(copied).map(([table, count]) => [table, `${count}`]);
  context.terminal.print(
    options.json ? JSON.stringify({ copied }, null, 2) : formatTable(['TABLE', 'ROWS'], rows, 'nothing to copy'),
  );
}
