import type { JobDefinition } from '../jobs/definition.ts';
import { NO_CALENDARS, type Calendars } from '../recurrence/blackout.ts';
import { badRequest } from './api-error.ts';

/** Refuses a job that refers to a blackout calendar that the settings have not: misspelt, it would run in the freeze. */
export function assertCalendarsKnown(definition: JobDefinition, calendars: Calendars = NO_CALENDARS): void {
  const unknown = definition.recurrence?.blackouts?.find((name) => !calendars.has(name));
  if (unknown === undefined) return;
  const known = [...calendars.keys()];
  const there = known.length === 0 ? 'has none' : `has ${known.join(', ')}`;
  throw badRequest(
    `The field 'properties.recurrence.blackouts' is not valid: '${unknown}' is no blackout calendar; the setting calendars ${there}.`,
  );
}
