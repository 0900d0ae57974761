import { fstatSync, writeSync } from 'node:fs';
import { pino, stdTimeFunctions, type DestinationStream } from 'pino';
import { systemErrorCode } from './errors.ts';
import type { Environment } from './environment.ts';

/**
 * Structured log of one subsystem. Messages are constant text; what varies goes into the fields, named after `LOG_KEYS`.
 * info: a state changed, or an operator wants it in a post-mortem · warn: degraded but handled · error: someone must act ·
 * debug: each tick.
 */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, unknown>>;

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Names of fields that say what a line is about, the same in every program, so that one event can be followed through all logs:
 * which event, in which document, under whose term, how far it had come, at which attempt.
 */
export const LOG_KEYS = ['event_id', 'incarnation', 'term', 'phase', 'attempt'] as const;
export type Correlation = Readonly<Partial<Record<(typeof LOG_KEYS)[number], string | number | undefined>>>;

/** Whoever logs a settings object or a request by mistake must not thereby publish what is in it. */
const SECRETS = ['token', 'password', 'secret', 'authorization', 'cookie', 'privateKey', 'connectionString'];

/** Syslog severities (RFC 5424) of pino's levels; journald takes them from a prefix like `<4>` (sd-daemon(3)). */
const SEVERITIES: Readonly<Record<number, number>> = { 20: 7, 30: 6, 40: 4, 50: 3 };

/**
 * JSON lines on standard output: `{"level":"info","time":"2026-…Z","program":"agent",…,"msg":"drain started"}`; with journald
 * behind it each begins with its priority, so that `journalctl -p warning` works.
 */
export function createLog(program: string, level: LogLevel, stream: LogStream = standardOutput()): Log {
  return pino(
    {
      level,
      base: { program },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
    },
    stream.isJournal ? prefixed(stream) : stream,
  );
}

/** Where the lines go. */
export interface LogStream {
  write(line: string): void;
  /** Lines want a priority before them. */
  readonly isJournal: boolean;
}

/** `environment` tells whether journald reads our output; without it plain lines are written. */
export function standardOutput(environment: Environment = {}): LogStream {
  return {
    write: writeLine,
    isJournal: isJournal(environment['JOURNAL_STREAM'], 1),
  };
}

/** A program goes on when whoever read its log has gone; a reader that is slow gets the rest of the line when it can. */
function writeLine(line: string): void {
  const bytes = Buffer.from(line);
  try {
    const written = writeSync(1, bytes);
    if (written < bytes.length) process.stdout.write(bytes.subarray(written));
  } catch (error) {
    if (systemErrorCode(error) === 'EAGAIN') process.stdout.write(bytes);
    else if (systemErrorCode(error) !== 'EPIPE') throw error;
  }
}

/**
 * systemd sets JOURNAL_STREAM to device and inode of the journal's socket; a child whose output went elsewhere inherits the
 * variable all the same, so the descriptor is compared (systemd.exec(5)).
 */
function isJournal(stream: string | undefined, descriptor: number): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

function prefixed(stream: LogStream): DestinationStream & { lastLevel: number } {
  const destination = {
    // Pino tells the level of the line that it is about to write to whoever asks for it like this.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 30,
    write: (line: string) => {
      stream.write(`<${SEVERITIES[destination.lastLevel] ?? 6}>${line}`);
    },
  };
  return destination;
}

/** For tests and for commands whose output is for people. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
