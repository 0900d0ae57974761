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

/**
 * A fresh UUID that begins with the time (version 7: RFC 9562, section 5.7), lower case. Rows that are added together are then
 * neighbours in an index, where those of another version would touch a page each.
 */
export function timeOrderedUuid(nowMs: number, random: RandomSource): string {
  const time = Math.max(0, Math.trunc(nowMs)).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.uuid().slice(15)}`;
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
