import { CompiledQuery } from 'kysely';
import { expect, it } from 'vitest';
import { reusedQuery } from '../../../scheduler/store/reused-query.ts';

it('is built once, and asked with the values of each time where those belong', () => {
  let built = 0;
  const query = reusedQuery((limit, nowMs) => {
    built += 1;
    return { compile: () => CompiledQuery.raw('select ?, ?, ?, ?, ?', [nowMs, 'Enabled', limit, 7, nowMs]) };
  });
  expect(query(500, 1000).parameters).toEqual([1000, 'Enabled', 500, 7, 1000]);
  expect(query(20, 3000)).toMatchObject({
    sql: 'select ?, ?, ?, ?, ?',
    parameters: [3000, 'Enabled', 20, 7, 3000],
  });
  expect(built).toBe(1);
});
