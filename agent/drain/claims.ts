import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../../common/runtime/atomic-file.ts';
import { createSerial } from '../serial.ts';

/**
 * Which servers at which balancers this agent has turned away, on disk: what an operator turned away by hand must not be
 * given back by us, and what we turned away before a crash must be.
 */
export interface Claims {
  has(key: string): boolean;
  /** Resolves when it is on disk; rejects when it cannot be, and then counts for this process's life only. */
  add(key: string): Promise<void>;
  remove(key: string): Promise<void>;
}

const fileSchema = z.array(z.string());

export async function openClaims(file: string): Promise<Claims> {
  const claimed = new Set(await readClaims(file));
  const inOrder = createSerial();
  const save = async (): Promise<void> => {
    await inOrder(async () => {
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      await replaceFile(file, JSON.stringify([...claimed]));
    });
  };
  return {
    has: (key) => claimed.has(key),
    add: async (key) => {
      if (claimed.has(key)) return;
      claimed.add(key);
      await save();
    },
    remove: async (key) => {
      if (claimed.delete(key)) await save();
    },
  };
}

/** A missing or damaged file means that nothing is known to be ours: then the balancer's state is left to its operator. */
async function readClaims(file: string): Promise<readonly string[]> {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? parsed.data : [];
  } catch {
    return [];
  }
}
