import { describe, expect, it } from 'vitest';
import { errorOf, job, propertiesOf, SHOP, withShop, type Body } from '../../support/scheduler-api.ts';

const JOB = `${SHOP}/jobs/a`;
const recurrenceOf = (body: Body): unknown => propertiesOf(body)['recurrence'];
const nextOf = (body: Body): unknown => (propertiesOf(body)['status'] as Body)['nextExecutionTime'];

describe('a recurrence with a schedule', () => {
  it('is answered in the spelling of the real service, whatever spelling came in', async () => {
    const { call } = await withShop();
    const { status, body } = await call(
      'put',
      JOB,
      job({
        startTime: '2027-02-09T23:55:25.5648511Z',
        recurrence: {
          frequency: 'Monthly',
          schedule: {
            minutes: 15,
            hour: [5, 17],
            monthlyOccurrences: [{ day: 'Friday', Occurrence: -1 }, { day: 'MONDAY' }],
          },
        },
      }),
    );
    expect(status).toBe(201);
    expect(recurrenceOf(body)).toEqual({
      frequency: 'month',
      interval: 1,
      schedule: {
        minutes: [15],
        hours: [5, 17],
        monthlyOccurrences: [{ day: 'friday', occurrence: -1, Occurrence: -1 }, { day: 'monday' }],
      },
    });
    expect(nextOf(body)).toBe('2027-02-15T05:15:00Z');
  });

  it('takes weekdays in any case, one or several', async () => {
    const { call } = await withShop();
    const { body } = await call(
      'put',
      JOB,
      job({ recurrence: { frequency: 'week', schedule: { weekDays: 'Sunday' } } }),
    );
    expect(recurrenceOf(body)).toMatchObject({ schedule: { weekDays: ['sunday'] } });
    expect(nextOf(body)).toBe('2027-02-14T23:55:25.5648511Z');
  });

  it('keeps its zone, policy and excluded dates through a PATCH, and may be cleared of them', async () => {
    const { call } = await withShop();
    const zoned = {
      frequency: 'day',
      interval: 1,
      schedule: { hours: [2], minutes: [30] },
      timeZone: 'Europe/Berlin',
      clockChanges: { gap: 'edge', overlap: 'both' },
      excludedDates: ['2027-03-27', '2027-03-28T01:00:00Z'],
    };
    await call('put', JOB, job({ startTime: '2027-03-26T12:00:00Z', recurrence: zoned }));
    const patched = await call('patch', JOB, { properties: { recurrence: { count: 3 } } });
    expect(recurrenceOf(patched.body)).toEqual({ ...zoned, count: 3 });
    // The 27th is excluded, and so is the moment to which the gap of the 28th moves its occurrence.
    expect(nextOf(patched.body)).toBe('2027-03-29T00:30:00Z');
    const cleared = await call('patch', JOB, {
      properties: { recurrence: { excludedDates: null, clockChanges: null } },
    });
    expect(recurrenceOf(cleared.body)).not.toHaveProperty('excludedDates');
    expect(nextOf(cleared.body)).toBe('2027-03-27T01:30:00Z');
  });

  it('is refused by a quota that its shortest gap breaks, though its frequency would not', async () => {
    const { call } = await withShop();
    await call('put', SHOP, { properties: { sku: { name: 'Free' } } });
    const hourly = (minutes: number[]): Body => job({ recurrence: { frequency: 'hour', schedule: { minutes } } });
    const refused = await call('put', JOB, hourly([0, 1]));
    expect(refused.status).toBe(409);
    expect(errorOf(refused.body).message).toMatch(/every 1 hour with its schedule, is more frequent than .* 1 hour/);
    expect((await call('put', JOB, hourly([7]))).status).toBe(201);
  });
});
