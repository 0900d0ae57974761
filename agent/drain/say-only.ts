import type { Log } from '../../common/runtime/log.ts';
import type { Drain } from './drain.ts';

/**
 * The same drains for a dry run: what they would do is said once each time it changes, and nothing is done. They read what
 * is really there and say it, but never as a reason to wait: nothing was turned away, so it would never end.
 */
export function sayOnly(drains: readonly Drain[], log: Log): readonly Drain[] {
  return drains.map((drain) => {
    let said: 'turn away' | 'let in' | undefined;
    const say = (what: 'turn away' | 'let in'): void => {
      if (said === what) return;
      said = what;
      log.info({ drain: drain.name, would: what }, 'dry run: this would be done');
    };
    return {
      name: drain.name,
      start: async () => {
        say('turn away');
      },
      read: async () => {
        const { detail } = await drain.read();
        return { clear: true, detail: `dry run, really: ${detail}` };
      },
      restore: async () => {
        say('let in');
      },
    };
  });
}
