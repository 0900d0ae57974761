import type { Clock } from '../../common/runtime/clock.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import type { KeyRing } from '../secrets/key-ring.ts';
import type { StoreSettings } from './settings.ts';
import type { Store } from './store.ts';

/** Opens the store that the settings name; only its own driver is loaded. Throws a `UserError` (`STORE_UNUSABLE`). */
export async function openStore(
  settings: StoreSettings,
  parts: { readonly clock: Clock; readonly random: RandomSource; readonly log: Log; readonly keys?: KeyRing },
): Promise<Store> {
  if (settings.kind === 'sqlite') {
    const { openSqliteStore } = await import('./sqlite.ts');
    return await openSqliteStore(settings.file, parts);
  }
  const { openPostgresStore } = await import('./postgres.ts');
  return await openPostgresStore(settings, parts);
}
