/** Sets of small numbers (days of a month or week, hours, months) as the bits of one integer below 2^31. */

export function bitsOf(numbers: Iterable<number>): number {
  let bits = 0;
  for (const number of numbers) bits |= 1 << number;
  return bits;
}

/** The smallest member; the set must not be empty. */
export function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

export function countBits(bits: number): number {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) count++;
  return count;
}

/** The members from `least` on. */
export function bitsFrom(bits: number, least: number): number {
  return least > 30 ? 0 : bits & -(1 << least);
}

/** The member with `index` smaller ones before it. */
export function bitAt(bits: number, index: number): number {
  let left = bits;
  for (let skipped = 0; skipped < index; skipped++) left &= left - 1;
  return lowestBit(left);
}

/** The smallest distance between two neighbours in the set, or Infinity when there are none. */
export function smallestGap(bits: number): number {
  let smallest = Infinity;
  let last = -Infinity;
  for (let left = bits; left !== 0; left &= left - 1) {
    const here = lowestBit(left);
    smallest = Math.min(smallest, here - last);
    last = here;
  }
  return smallest;
}
