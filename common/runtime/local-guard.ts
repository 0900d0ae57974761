import type { IncomingMessage } from 'node:http';
import { isLoopback, type ListenAddress } from './listen.ts';

/**
 * Why a request to one of our local servers must be refused, or undefined when it may pass.
 *
 * A page in a browser on this machine can send requests to loopback ports: by DNS rebinding (the Host header then carries the
 * attacker's name) or across sites (the Origin header then carries theirs). So Host must be an address the server really
 * listens on, name and port (or what `isAlsoOwn` says the server is known by), and Origin, when present, must be the server's own.
 */
export function refuseForeignRequest(
  request: IncomingMessage,
  listening: ListenAddress,
  isAlsoOwn: (host: string) => boolean = () => false,
): string | undefined {
  const host = request.headers.host;
  if (host === undefined || !(isOwnHost(host, listening, isOnTls(request) ? 443 : 80) || isAlsoOwn(host))) {
    return `Host ${JSON.stringify(host ?? '')} is not an address of this server`;
  }
  const origin = request.headers.origin;
  const scheme = isOnTls(request) ? 'https' : 'http';
  if (origin !== undefined && origin !== `${scheme}://${host}`) {
    return `requests from pages of ${JSON.stringify(origin)} are not accepted`;
  }
  if (request.headers['sec-fetch-site'] === 'cross-site') return 'requests from pages of other sites are not accepted';
  return undefined;
}

function isOnTls(request: IncomingMessage): boolean {
  return 'encrypted' in request.socket && request.socket.encrypted === true;
}

function isOwnHost(host: string, listening: ListenAddress, defaultPort: number): boolean {
  const match = /^(?:\[([0-9a-f:]+)\]|([a-z0-9.-]+))(?::(\d+))?$/i.exec(host);
  const name = match?.[1] ?? match?.[2];
  if (match === null || name === undefined || Number(match[3] ?? defaultPort) !== listening.port) return false;
  return name === listening.host || (isLoopback(listening.host) && name.toLowerCase() === 'localhost');
}
