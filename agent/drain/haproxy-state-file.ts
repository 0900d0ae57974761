import { readFile } from 'node:fs/promises';
import { replaceFile } from '../../common/runtime/atomic-file.ts';
import { systemErrorCode } from '../../common/runtime/errors.ts';
import { createSerial } from '../serial.ts';
import type { ServerState } from './haproxy-server.ts';

/** HAProxy reads it before it drops its rights; others may look what is in it. There are no secrets in it. */
const MODE = 0o644;

/**
 * The file that a HAProxy loads at its start (`server-state-file` with `load-server-state-from-file global`), kept by us so
 * that a restart of HAProxy does not put a VM back that has promised to stay out. It holds the servers that this agent has
 * turned away and no others: the state of other servers would be old by the time of the restart.
 */
export interface HaproxyStateFile {
  /** Resolves when a HAProxy that starts now would find the server as `state` has it. */
  hold(server: string, state: ServerState): Promise<void>;
  /** Resolves when a HAProxy that starts now would find nothing about the server. */
  release(server: string): Promise<void>;
}

export function haproxyStateFile(file: string): HaproxyStateFile {
  const inOrder = createSerial();
  let known: string | undefined;
  const replace = async (content: string): Promise<void> => {
    if (content === known) return;
    await replaceFile(file, content, MODE);
    known = content;
  };
  return {
    hold: async (server, state) => {
      await inOrder(async () => {
        known ??= await readOrEmpty(file);
        await replace(withServer(known, server, state.saved));
      });
    },
    release: async (server) => {
      await inOrder(async () => {
        known ??= await readOrEmpty(file);
        await replace(withoutServer(known, server));
      });
    },
  };
}

async function readOrEmpty(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** The file's content with the line of `server` in it, once. Lines under another header (of another HAProxy) are dropped. */
export function withServer(content: string, server: string, saved: ServerState['saved']): string {
  const [version, header, ...lines] = withoutServer(content, server).split('\n').filter(Boolean);
  const others = version === saved.version && header === saved.header ? lines : [];
  return `${[saved.version, saved.header, ...others, saved.line].join('\n')}\n`;
}

/** The file's content without the line of `server` (backend/server). */
export function withoutServer(content: string, server: string): string {
  const [backend, name] = server.split('/');
  // Columns of version 1: be_id be_name srv_id srv_name …
  return content
    .split('\n')
    .filter((line) => {
      const [, ofBackend, , ofName] = line.split(' ');
      return line.startsWith('#') || ofBackend !== backend || ofName !== name;
    })
    .join('\n');
}
