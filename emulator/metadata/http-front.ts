import { createServer, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { parseRequestTarget, type RequestTarget } from './request-target.ts';
import { answerUnreadable } from './unreadable.ts';

/**
 * The HTTP of all metadata services of an emulator. A `node:http` server for each of 10,000 VMs costs twice the memory of all
 * their connections; so there is one, which listens nowhere and is handed the connections of every VM's own listener.
 */
export interface HttpFront {
  /** Speaks HTTP on a connection that a VM's listener has accepted; its requests go to `onRequest`. */
  accept(connection: Socket, onRequest: RequestListener): void;
  /** A request target taken apart; the few that clients send over and over are remembered. */
  parseTarget(url: string): RequestTarget;
}

/** Longer than the slowest poller waits (60 s), so that none sends into a connection that is just being closed. */
const KEEP_ALIVE_MS = 75_000;

export function createHttpFront(): HttpFront {
  const listeners = new WeakMap<Socket, RequestListener>();
  const server = createServer((request, response) => {
    listeners.get(request.socket)?.(request, response);
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  answerUnreadable(server);
  // What a server that listens does at this moment: it begins to watch for requests that never end.
  server.emit('listening');
  return {
    accept: (connection, onRequest) => {
      listeners.set(connection, onRequest);
      server.emit('connection', connection);
    },
    parseTarget: createTargetCache(),
  };
}

/** Clients send the same few targets for ever; the bounds keep one that does not from filling memory. */
const MAX_CACHED_TARGETS = 256;
const MAX_CACHED_LENGTH = 512;

function createTargetCache(): (url: string) => RequestTarget {
  const known = new Map<string, RequestTarget>();
  return (url) => {
    const found = known.get(url);
    if (found !== undefined) return found;
    const target = parseRequestTarget(url);
    if (url.length > MAX_CACHED_LENGTH) return target;
    if (known.size >= MAX_CACHED_TARGETS) known.clear();
    known.set(url, target);
    return target;
  };
}
