import type { CompiledQuery } from 'kysely';

/** Numbers that no row has: they mark the places of the values. */
const FIRST_MARK = Number.MAX_SAFE_INTEGER - 1000;

/**
 * A query that is built and compiled once and then asked with other values, all of them numbers and each passed as a
 * parameter: to build and compile one takes longer than most take to be answered.
 */
export function reusedQuery<Row>(
  build: (...values: number[]) => { compile(): CompiledQuery<Row> },
): (...values: number[]) => CompiledQuery<Row> {
  let known: CompiledQuery<Row> | undefined;
  return (...values) => {
    known ??= build(...values.map((_value, index) => FIRST_MARK + index)).compile();
    const parameters = known.parameters.map((value) =>
      typeof value === 'number' && value >= FIRST_MARK ? values[value - FIRST_MARK] : value,
    );
    return { ...known, parameters };
  };
}
