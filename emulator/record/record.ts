import { open } from 'node:fs/promises';
import type { Clock } from '../../common/runtime/clock.ts';
import { EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import { askEndpoint } from './ask.ts';
import { FORMAT, isSameAnswer, type Heading, type RecordedAnswer } from './recording.ts';

/** Whole document paths are left as they are; a bare endpoint gets the path that clients ask. */
const EVENTS_PATH = '/metadata/scheduledevents';
const NEWEST_VERSION = '2020-07-01';

export interface RecordOptions {
  readonly from: string;
  readonly file: string;
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Ends the recording. */
  readonly stop: AbortSignal;
  /** Called with each entry that was written. */
  readonly onEntry?: (entry: RecordedAnswer) => void;
}

/** What `--from` means: `http://169.254.169.254` as well as a whole URL with path and version. Throws a `UserError` for what is no HTTP URL. */
export function endpointUrl(text: string): URL {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url?.protocol !== 'http:') {
    const message = `--from: expected an address like http://169.254.169.254, got ${JSON.stringify(text)}`;
    throw new UserError('BAD_ADDRESS', message, { exitStatus: EXIT_USAGE });
  }
  if (url.pathname === '/') url.pathname = EVENTS_PATH;
  if (!url.searchParams.has('api-version')) url.searchParams.set('api-version', NEWEST_VERSION);
  return url;
}

/** Asks once per interval and writes what became another answer, until it is stopped. Resolves with how often it asked. */
export async function record(options: RecordOptions): Promise<{ readonly asked: number; readonly written: number }> {
  const { clock, intervalMs, stop } = options;
  const url = endpointUrl(options.from);
  const file = await openNew(options.file);
  let asked = 0;
  let written = 0;
  try {
    const heading: Heading = {
      format: FORMAT,
      from: url.href,
      startedAt: new Date(clock.now()).toISOString(),
      intervalMs,
    };
    await file.appendFile(`${JSON.stringify(heading)}\n`);
    const startedMs = clock.monotonic();
    let last: RecordedAnswer | undefined;
    while (!stop.aborted) {
      const atMs = Math.round(clock.monotonic() - startedMs);
      const entry: RecordedAnswer = { atMs, ...(await askEndpoint(url, Math.max(intervalMs, LEAST_TIMEOUT_MS))) };
      asked++;
      if (!isSameAnswer(last, entry)) {
        last = entry;
        written++;
        await file.appendFile(`${JSON.stringify(entry)}\n`);
        options.onEntry?.(entry);
      }
      await clock.sleep(Math.max(0, atMs + intervalMs - (clock.monotonic() - startedMs)), stop);
    }
  } finally {
    await file.close();
  }
  return { asked, written };
}

/** An endpoint may take its time once; a shorter time-out would record our impatience. */
const LEAST_TIMEOUT_MS = 1000;

/** Never over another recording: what a real endpoint said does not come again. */
async function openNew(file: string): ReturnType<typeof open> {
  try {
    return await open(file, 'wx', 0o600);
  } catch (error) {
    const code = systemErrorCode(error) ?? 'unknown';
    const message = code === 'EEXIST' ? `--out: ${file} is there already` : `--out: cannot write ${file} (${code})`;
    throw new UserError('CANNOT_WRITE', message, { hint: 'give another file', exitStatus: EXIT_USAGE, cause: error });
  }
}
