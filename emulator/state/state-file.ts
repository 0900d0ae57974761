import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describeError, EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import { parseStateOrUndefined, renderState, type SavedState } from './saved-state.ts';

/** A file that the state of an emulator outlives it in. */
export interface StateFile {
  /** What was kept; undefined when there is nothing yet. Throws a `UserError` for a file of something else. */
  read(): SavedState | undefined;
  /** Returns once it would survive kill -9 and power loss. Throws a `UserError` (`STATE_NOT_KEPT`), and then the old one is kept. */
  write(...state: Parameters<typeof renderState>): void;
}

/**
 * Synchronous on purpose: no answer may leave between the change of the state and its being on disk, and no other request be
 * served from a state that a crash would take back. A change takes one fsync of a few kilobytes; reading takes none.
 */
export function openStateFile(file: string): StateFile {
  const absolute = path.resolve(file);
  return {
    read: () => {
      const text = readOrUndefined(absolute);
      if (text === undefined) return undefined;
      const saved = parseStateOrUndefined(text);
      if (saved !== undefined) return saved;
      throw new UserError(
        'STATE_FILE_INVALID',
        `--state: expected the state of an emulator in ${absolute}, found something else`,
        { hint: 'give another file, or remove this one to begin anew', exitStatus: EXIT_USAGE },
      );
    },
    write: (...state) => {
      try {
        replace(absolute, renderState(...state));
      } catch (error) {
        throw new UserError('STATE_NOT_KEPT', `cannot write the state to ${absolute}: ${describeError(error)}`, {
          hint: 'nothing was changed; it works again as soon as the file can be written',
          cause: error,
        });
      }
    },
  };
}

function readOrUndefined(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return undefined;
    throw new UserError('STATE_FILE_INVALID', `--state: cannot read ${file} (${code ?? 'unknown'})`, {
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
}

/** The old content or the new, whole, whenever it is interrupted: beside it, fsync, rename, fsync of the folder. */
function replace(file: string, text: string): void {
  const temporary = `${file}.tmp`;
  const handle = openSync(temporary, 'w', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
  const folder = openSync(path.dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
