import { mkdir, open, readFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile, syncFolder } from '../../common/runtime/atomic-file.ts';
import { describeError, EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import type { DurableState } from '../core/state.ts';
import { createSerial } from '../serial.ts';
import { formatEntry, newestEntry } from './entry.ts';

/**
 * What this VM has promised, on disk. One file of lines, each a whole `DurableState` with a checksum; the last valid line
 * counts. So a crash in the middle of a write costs that write only, which nothing rested on yet.
 */
export interface Journal {
  /** What was on disk when the journal was opened; undefined when there was none, or none that could be read. */
  readonly found: DurableState | undefined;
  /** True when the file was there but held no valid line. */
  readonly isDamaged: boolean;
  /** Resolves once `durable` survives a crash and power loss; rejects with the system's error, and may be called again. */
  append(durable: DurableState): Promise<void>;
  close(): Promise<void>;
}

/** The file is rewritten with its newest line once it is longer than this: hundreds of events' worth. */
const COMPACT_BYTES = 512 * 1024;

const FILE_NAME = 'journal';

/** Opens the journal in `folder`, creating the folder. A folder that cannot be written is not an error until
 * `append`; a file that is there and cannot be read is one (`JOURNAL_UNREADABLE`). */
export async function openJournal(folder: string): Promise<Journal> {
  const file = path.join(folder, FILE_NAME);
  const text = await readOrEmpty(file);
  const found = newestEntry(text);
  const writer = createWriter(file, text.length > 0 && !text.endsWith('\n'));
  const inOrder = createSerial();
  return {
    found,
    isDamaged: found === undefined && text.length > 0,
    append: async (durable) => {
      await inOrder(async () => {
        await writer.write(durable);
      });
    },
    close: async () => {
      await inOrder(async () => {
        await writer.close();
      });
    },
  };
}

function createWriter(
  file: string,
  startsTorn: boolean,
): { write(durable: DurableState): Promise<void>; close(): Promise<void> } {
  let handle: FileHandle | undefined;
  let length = 0;
  // After a torn line (a crash, a full disk) the next one begins on a line of its own.
  let isTorn = startsTorn;

  const close = async (): Promise<void> => {
    const open = handle;
    handle = undefined;
    await open?.close();
  };
  const openFile = async (): Promise<FileHandle> => {
    if (handle !== undefined) return handle;
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const opened = await open(file, 'a', 0o600);
    handle = opened;
    length = (await opened.stat()).size;
    await syncFolder(path.dirname(file));
    return opened;
  };
  const write = async (durable: DurableState): Promise<void> => {
    const line = formatEntry(durable);
    if (length + line.length > COMPACT_BYTES) {
      await close();
      await replaceFile(file, line);
      length = line.length;
      isTorn = false;
      return;
    }
    try {
      const target = await openFile();
      const text = isTorn ? `\n${line}` : line;
      isTorn = true;
      await target.appendFile(text);
      // After a failed fsync the system may have dropped the pages and still say yes to the next one: start over then.
      await target.datasync();
      isTorn = false;
      length += Buffer.byteLength(text);
    } catch (error) {
      await close().catch(() => {});
      throw error;
    }
  };
  return { write, close };
}

async function readOrEmpty(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    // Gone with its disk is normal. Any other reason not to read it must not look like "nothing was promised".
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw new UserError('JOURNAL_UNREADABLE', `state: cannot read the journal ${file}: ${describeError(error)}`, {
      hint: 'the agent does not start without knowing what it has promised; make the file readable, or remove it',
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
}
