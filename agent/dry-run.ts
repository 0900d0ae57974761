import type { Log } from '../common/runtime/log.ts';
import type { Drain } from './drain/drain.ts';
import type { Journal } from './journal/journal.ts';
import type { PerformParts } from './perform.ts';
import type { AgentSettings } from './settings.ts';

/**
 * A dry run reads and decides as ever, and does nothing that anybody else could notice: it turns no traffic away, runs no
 * hook, promises nothing to others and approves nothing; the log says what it would have done. It can run beside the real
 * agent, so it leaves the journal as it is, opens no gate, and has a socket of its own.
 */
export function dryRunSettings(settings: AgentSettings): AgentSettings {
  return {
    ...settings,
    socket: `${settings.socket}.dry-run`,
    scheduler: undefined,
    coordinator: undefined,
    http: undefined,
    tasks: undefined,
  };
}

/** Looks and does not touch. What is left on a balancer is said and does not hold the dry run up: nobody has drained it. */
export function dryRunDrains(drains: readonly Drain[], log: Log): readonly Drain[] {
  return drains.map((drain) => {
    let said = '';
    const say = (message: string, detail: string): void => {
      if (said !== message) log.info({ drain: drain.name, detail }, message);
      said = message;
    };
    return {
      ...drain,
      name: drain.name,
      start: async () => {
        say('dry run: would turn traffic away', '');
      },
      read: async () => {
        const { detail } = await drain.read();
        say('dry run: would wait until no traffic is left', detail);
        return { clear: true, detail: `dry run: ${detail}` };
      },
      restore: async () => {
        if (said !== '') say('dry run: would let traffic in again', '');
      },
    };
  });
}

/** What is on disk is heeded; nothing is written. */
export function dryRunJournal(journal: Journal): Journal {
  return { ...journal, append: async () => {} };
}

/** Reads for real; an approval is said, and taken for accepted so that the rest can be seen too. */
export function dryRunMetadata(
  metadata: PerformParts['metadata'],
  log: Log,
): Pick<PerformParts['metadata'], 'readFresh' | 'approve'> {
  return {
    readFresh: async () => await metadata.readFresh(),
    approve: async (eventId) => {
      log.info({ event_id: eventId }, 'dry run: would approve this event');
      return { outcome: 'accepted', detail: 'dry run: not sent' };
    },
  };
}

export function dryRunHooks(settings: AgentSettings, log: Log): PerformParts['runHooks'] {
  return async (phase, subject) => {
    if (settings.hooks !== undefined)
      log.info({ event_id: subject.eventId, phase, folder: settings.hooks.folder }, 'dry run: would run the hooks');
    return { ok: true, detail: 'dry run: not run' };
  };
}
