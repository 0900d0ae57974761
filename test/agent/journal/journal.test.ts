import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatEntry, newestEntry } from '../../../agent/journal/entry.ts';
import { openJournal } from '../../../agent/journal/journal.ts';
import type { DurableState, EventPromise } from '../../../agent/core/state.ts';

const promise: EventPromise = {
  eventId: 'E1',
  eventType: 'Reboot',
  resources: ['a', 'b'],
  hash: 'h',
  promise: 'prepared',
  number: 4,
  localIntent: false,
  posted: false,
  approved: false,
  started: false,
  notBeforeMs: 1000,
  description: 'müde',
  source: 'User',
  durationSeconds: -1,
  offered: true,
  deadlineReached: false,
  resumed: false,
  seenAtMs: 500,
  hooks: ['seen'],
};
const durable = (number: number): DurableState => ({ number, incarnation: 3, events: [promise], maintenance: [] });

describe('the journal', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'forewarn-journal-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const file = (): string => path.join(folder, 'journal');
  const write = async (...numbers: number[]): Promise<void> => {
    const journal = await openJournal(folder);
    for (const number of numbers) await journal.append(durable(number));
    await journal.close();
  };
  const reopen = async (): Promise<DurableState | undefined> => {
    const journal = await openJournal(folder);
    await journal.close();
    return journal.found;
  };

  it('finds what was appended last', async () => {
    await write(1, 2, 3);
    expect(await reopen()).toEqual(durable(3));
  });

  it('is empty and not damaged where there is none', async () => {
    const journal = await openJournal(path.join(folder, 'new'));
    expect(journal).toMatchObject({ found: undefined, isDamaged: false });
    await journal.close();
  });

  it('cut off at any byte, holds the entry before or the one that was being written', async () => {
    const first = formatEntry(durable(1));
    const second = formatEntry(durable(2));
    const bytes = Buffer.from(first + second);
    for (let length = 0; length <= bytes.length; length++) {
      const found = newestEntry(bytes.subarray(0, length).toString('utf8'));
      const expected = length < Buffer.byteLength(first) ? undefined : length < bytes.length ? 1 : 2;
      expect(found?.number, `cut at ${length}`).toBe(expected);
    }
  });

  it('goes on after a torn line without losing what follows', async () => {
    await write(1, 2);
    await truncate(file(), (await stat(file())).size - 7);
    await write(5);
    expect(await reopen()).toEqual(durable(5));
    expect((await readFile(file(), 'utf8')).split('\n')).toHaveLength(4);
  });

  it('passes over a line whose bytes were changed', async () => {
    await write(1, 2);
    const text = await readFile(file(), 'utf8');
    await writeFile(file(), text.replace(/"number":2/, '"number":9'));
    expect(await reopen()).toEqual(durable(1));
  });

  it('says that it is damaged when no line can be read', async () => {
    await writeFile(file(), 'nonsense\n');
    const journal = await openJournal(folder);
    expect(journal).toMatchObject({ found: undefined, isDamaged: true });
    await journal.close();
  });

  it('stays small however often it is written', async () => {
    const journal = await openJournal(folder);
    const big = { ...durable(1), events: Array.from({ length: 200 }, () => promise) };
    for (let number = 1; number <= 20; number++) await journal.append({ ...big, number });
    await journal.close();
    expect((await stat(file())).size).toBeLessThan(600_000);
    expect((await reopen())?.number).toBe(20);
  });

  it('rejects when it cannot write, and can be tried again', async () => {
    await writeFile(path.join(folder, 'blocked'), '');
    const journal = await openJournal(path.join(folder, 'sub'));
    await rm(folder, { recursive: true });
    await writeFile(folder, 'a file where the folder was');
    await expect(journal.append(durable(1))).rejects.toThrow('ENOTDIR');
    await rm(folder);
    await journal.append(durable(2));
    await journal.close();
    expect((await openJournal(path.join(folder, 'sub'))).found).toEqual(durable(2));
  });

  it('refuses to be opened when it is there and cannot be read, instead of passing for empty', async () => {
    await rm(folder, { recursive: true });
    await writeFile(folder, 'a file where the folder was');
    await expect(openJournal(folder)).rejects.toThrow('ENOTDIR');
  });
});
