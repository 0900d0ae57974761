import { readFile } from 'node:fs/promises';
import { systemClock } from '../../common/runtime/clock.ts';
import type { CommandContext } from '../../common/runtime/command.ts';
import { formatDuration, parseDurationOrUndefined } from '../../common/runtime/duration.ts';
import { EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import { aborted, stopSignal } from '../../common/runtime/lifecycle.ts';
import { isLoopback, listenAddressSchema, type ListenAddress } from '../../common/runtime/listen.ts';
import { createLog } from '../../common/runtime/log.ts';
import type { RecordCommandOptions, ReplayCommandOptions } from './command.ts';
import { record } from './record.ts';
import { parseRecording, type RecordedAnswer, type Recording } from './recording.ts';
import { startReplay } from './replay.ts';

/** Oftener than this would be answered with 429 (five requests a second), which is then all there is to record. */
const LEAST_INTERVAL_MS = 200;

/** `forewarn emulator record` */
export async function runRecord(context: CommandContext, options: RecordCommandOptions): Promise<void> {
  const intervalMs = span('--interval', options.interval);
  if (intervalMs < LEAST_INTERVAL_MS) {
    const message = `--interval: expected at least ${LEAST_INTERVAL_MS}ms, because Azure answers five requests a second, got ${options.interval}`;
    throw new UserError('BAD_DURATION', message, { exitStatus: EXIT_USAGE });
  }
  const forMs = options.for === undefined ? undefined : span('--for', options.for);
  const stopping = new AbortController();
  stopSignal().addEventListener('abort', () => {
    stopping.abort();
  });
  if (forMs !== undefined) {
    systemClock.after(forMs, () => {
      stopping.abort();
    });
  }
  const { asked, written } = await record({
    from: options.from,
    file: options.out,
    intervalMs,
    clock: systemClock,
    stop: stopping.signal,
    onEntry: (entry) => {
      context.terminal.print(line(entry));
    },
  });
  context.terminal.print(`asked ${asked} times, ${written} different answers in ${options.out}`);
}

function line({ atMs, status, body = '', error }: RecordedAnswer): string {
  return `+${formatDuration(atMs)}  ${status === undefined ? `no answer: ${error ?? ''}` : `${status} ${body.slice(0, 160)}`}`;
}

/** `forewarn emulator replay` */
export async function runReplay(file: string, options: ReplayCommandOptions): Promise<void> {
  const recording = await readRecording(file);
  const speed = Number(options.speed);
  if (!(speed > 0 && Number.isFinite(speed))) {
    const message = `--speed: expected a number above 0, like 1 or 10, got ${JSON.stringify(options.speed)}`;
    throw new UserError('BAD_SPEED', message, { exitStatus: EXIT_USAGE });
  }
  const stop = stopSignal();
  const log = createLog('emulator', 'info');
  const replay = await startReplay({ recording, listen: addressOf(options.listen), speed, clock: systemClock });
  const lastsMs = recording.entries.at(-1)?.atMs ?? 0;
  log.info(
    { metadata: replay.url, recorded: recording.heading.from, entries: recording.entries.length, lastsMs },
    'ready',
  );
  await aborted(stop);
  await replay.close();
}

async function readRecording(file: string): Promise<Recording> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const message = `cannot read ${file} (${systemErrorCode(error) ?? 'unknown'})`;
    throw new UserError('RECORDING_INVALID', message, { exitStatus: EXIT_USAGE, cause: error });
  }
  const parsed = parseRecording(text);
  if (parsed.kind === 'recording') return parsed.recording;
  const message = `${file}:${parsed.line}: expected a line of a recording by "forewarn emulator record", found something else`;
  throw new UserError('RECORDING_INVALID', message, { exitStatus: EXIT_USAGE });
}

function addressOf(text: string): ListenAddress {
  const parsed = listenAddressSchema.safeParse(text);
  if (parsed.success && isLoopback(parsed.data.host)) return parsed.data;
  const message = `--listen: expected an address of loopback like 127.0.0.1:7071, got ${JSON.stringify(text)}`;
  throw new UserError('BAD_ADDRESS', message, { exitStatus: EXIT_USAGE });
}

function span(option: string, text: string): number {
  const ms = parseDurationOrUndefined(text);
  if (ms !== undefined) return ms;
  const message = `${option}: expected a duration like "1s" or "10m", got ${JSON.stringify(text)}`;
  throw new UserError('BAD_DURATION', message, { exitStatus: EXIT_USAGE });
}
