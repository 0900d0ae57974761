import { createServer } from 'node:http';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { describeError, EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import type { AgentView } from '../http/agent-view.ts';
import { respond, type Access } from '../http/respond.ts';

/** Longest path of a Unix socket on Linux, without its final zero (unix(7)). */
const MAX_SOCKET_PATH = 107;

/** Whoever may open the socket is the agent's own user or root. */
const OWN_USER: Access = { mayChange: true, refuse: () => undefined };

/** The agent's control server on a Unix socket that only its own user can open: every page, and the operator's orders. */
export async function openStatusServer(socket: string, view: AgentView): Promise<{ close(): Promise<void> }> {
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    throw new UserError('SOCKET_PATH_TOO_LONG', `socket: expected at most ${MAX_SOCKET_PATH} bytes, got ${socket}`, {
      hint: 'give the setting socket a shorter path',
      exitStatus: EXIT_USAGE,
    });
  }
  const server = createServer({ keepAlive: false }, (request, response) => {
    void respond(view, OWN_USER, request, response);
  });
  try {
    await mkdir(path.dirname(socket), { recursive: true });
  } catch (error) {
    throw cannotListen(socket, describeError(error), error);
  }
  await removeStale(socket);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(cannotListen(socket, describeError(error), error));
    });
    server.listen(socket, () => {
      resolve();
    });
  });
  await chmod(socket, 0o600);
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

/** A socket that nobody listens on was left by an agent that was killed; one that is answered belongs to a running agent. */
async function removeStale(socket: string): Promise<void> {
  const state = await new Promise<'free' | 'stale' | 'used'>((resolve) => {
    const probe = connect(socket);
    probe.on('connect', () => {
      probe.destroy();
      resolve('used');
    });
    probe.on('error', (error) => {
      resolve(systemErrorCode(error) === 'ENOENT' ? 'free' : 'stale');
    });
  });
  if (state === 'used') throw cannotListen(socket, 'another agent is listening there');
  if (state === 'stale') await rm(socket, { force: true });
}

function cannotListen(socket: string, reason: string, cause?: unknown): UserError {
  return new UserError('LISTEN_FAILED', `cannot listen on ${socket} (setting socket): ${reason}`, {
    hint: 'give the setting socket a path of its own in a folder that this user can write',
    exitStatus: EXIT_USAGE,
    cause,
  });
}
