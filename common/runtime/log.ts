import { pino, stdTimeFunctions } from 'pino';

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

/** JSON lines on standard output: `{"level":"info","time":"2026-…Z","program":"agent",…,"msg":"drain started"}`. */
export function createLog(program: string, level: LogLevel): Log {
  return pino({
    level,
    base: { program },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Whoever logs a settings object by mistake must not thereby publish what is in it.
    redact: ['token', 'password', 'secret', '*.token', '*.password', '*.secret'],
  });
}

/** For tests and for commands whose output is for people. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
