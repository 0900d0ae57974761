import type { HookSubject } from '../core/action.ts';
import type { HookPhase } from '../core/hook-phase.ts';

/** Where standard programs are; hooks get exactly this, whatever started the agent. */
export const FIXED_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The environment of a hook, all of it: what the operator's settings add, and what is said here. Nothing of the agent's own is
 * inherited, so neither its credentials nor systemd's sockets reach what the operator runs.
 */
export function hookEnvironment(
  phase: HookPhase,
  subject: HookSubject,
  about: { readonly vmName: string; readonly environment: Readonly<Record<string, string>> },
): Record<string, string> {
  return {
    LANG: 'C.UTF-8',
    ...about.environment,
    PATH: FIXED_PATH,
    FOREWARN_VM_NAME: about.vmName,
    FOREWARN_EVENT_ID: subject.eventId,
    FOREWARN_EVENT_TYPE: subject.eventType,
    FOREWARN_EVENT_STATUS: subject.status,
    FOREWARN_EVENT_PHASE: phase,
    FOREWARN_EVENT_NOT_BEFORE: subject.notBeforeMs === null ? '' : new Date(subject.notBeforeMs).toISOString(),
    FOREWARN_EVENT_RESOURCES: subject.resources.join(','),
    FOREWARN_EVENT_DURATION: `${subject.durationSeconds}`,
    FOREWARN_EVENT_SOURCE: subject.source,
    FOREWARN_EVENT_WITHIN: subject.withinMs === undefined ? '' : `${Math.max(0, Math.floor(subject.withinMs / 1000))}`,
    // The same whenever this phase of this event runs again (after a crash, a failure): a hook can tell a repetition.
    FOREWARN_EVENT_KEY: `${subject.eventId}:${phase}`,
  };
}
