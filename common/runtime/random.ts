import { randomBytes, randomUUID } from 'node:crypto';

/** Randomness as a dependency, so that simulations repeat from a seed. */
export interface RandomSource {
  /** A number in [0, 1). */
  fraction(): number;
  /** A fresh UUID, lower case. */
  uuid(): string;
}

export const systemRandom: RandomSource = {
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  uuid: () => randomUUID(),
};

/** Makes UUIDs; see `timeOrderedIds`. */
export type IdSource = (nowMs: number) => string;

const COUNTED = 0x1000;

/**
 * Fresh UUIDs that begin with the time, lower case (version 7: RFC 9562, section 5.7, with a counter as in 6.2 and 50 random
 * bits of the source's own). Rows that are added together are then neighbours in an index, where those of version 4 would
 * touch a page each. Not for secrets: whoever knows one knows the next.
 */
export function timeOrderedIds(random: RandomSource): IdSource {
  const own = random.uuid();
  // The variant's digit, and the last group with the hyphen before it.
  const [variant, tail] = [own.slice(19, 20), own.slice(23)];
  const hex = Array.from({ length: COUNTED }, (_none, index) => index.toString(16).padStart(3, '0'));
  let count = Math.floor(random.fraction() * COUNTED * COUNTED);
  let lastMs: number | undefined;
  let time = '';
  return (nowMs) => {
    if (nowMs !== lastMs) {
      const digits = Math.max(0, Math.trunc(nowMs)).toString(16).padStart(12, '0');
      time = `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
      lastMs = nowMs;
    }
    count = (count + 1) % (COUNTED * COUNTED);
    return `${time}${hex[Math.floor(count / COUNTED)]}-${variant}${hex[count % COUNTED]}${tail}`;
  };
}

/** That many unpredictable bytes as base64url text: for tokens and challenges, never from a seed. */
export function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}

/**
 * A repeatable source from a 32-bit seed (mulberry32: public-domain generator, period 2^32, ample for a simulated run).
 * Never use it for secrets.
 */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => Math.floor(fraction() * 16).toString(16)).join('');
  return {
    fraction,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
  };
}
