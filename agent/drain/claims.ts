import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../../common/runtime/atomic-file.ts';
import { createSerial } from '../serial.ts';

/**
 * What this agent has turned away where, and how far (`drain`, `maint`, …), on disk: what an operator turned away by hand must
 * not be given back by us, and what we turned away before a crash must be.
 */
export interface Claims {
  /** How far we have gone with `key`, undefined when it is not ours. */
  get(key: string): string | undefined;
  /** Resolves when it is on disk; rejects when it cannot be, and then counts for this process's life only. */
  set(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
}

/** The list is how earlier versions kept them: everything on it was in drain. */
const fileSchema = z.union([
  z.record(z.string(), z.string()),
  z.array(z.string()).transform((keys) => Object.fromEntries(keys.map((key) => [key, 'drain']))),
]);

export async function openClaims(file: string): Promise<Claims> {
  const claimed = new Map(Object.entries(await readClaims(file)));
  const inOrder = createSerial();
  const save = async (): Promise<void> => {
    await inOrder(async () => {
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      await replaceFile(file, JSON.stringify(Object.fromEntries(claimed)));
    });
  };
  return {
    get: (key) => claimed.get(key),
    set: async (key, value) => {
      if (claimed.get(key) === value) return;
      claimed.set(key, value);
      await save();
    },
    remove: async (key) => {
      if (claimed.delete(key)) await save();
    },
  };
}

/** A missing or damaged file means that nothing is known to be ours: then the balancer's state is left to its operator. */
async function readClaims(file: string): Promise<Readonly<Record<string, string>>> {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? parsed.data : {};
  } catch {
    return {};
  }
}
