import type { IncomingMessage } from 'node:http';
import { networkInterfaces } from 'node:os';
import { isIP } from 'node:net';
import type { ListenAddress } from '../../common/runtime/listen.ts';
import { refuseForeignRequest } from '../../common/runtime/local-guard.ts';
import type { ControlToken } from './control-token.ts';

/** Who may use the control API. */
export interface ControlAccess {
  /** Undefined: whoever reaches it, which is for loopback only. */
  readonly token: ControlToken | undefined;
  /** Further names, `host` or `host:port`, that it is known by. */
  readonly hosts: readonly string[];
}

export interface Refusal {
  readonly status: 401 | 403;
  readonly code: 'FOREIGN_REQUEST' | 'TOKEN_NEEDED';
  readonly message: string;
}

/** Why a request may not pass, or undefined. A token does not excuse a wrong Host or Origin: browsers send what they hold. */
export function refuseControlRequest(
  request: IncomingMessage,
  listening: ListenAddress,
  access: ControlAccess,
): Refusal | undefined {
  const foreign = refuseForeignRequest(request, listening, (host) => isKnownHost(host, listening, access.hosts));
  if (foreign !== undefined) return { status: 403, code: 'FOREIGN_REQUEST', message: foreign };
  if (access.token === undefined || access.token.admits(request.headers.authorization)) return undefined;
  const message = 'expected the header Authorization: Bearer TOKEN with the token of the fleet (setting controlToken)';
  return { status: 401, code: 'TOKEN_NEEDED', message };
}

function isKnownHost(host: string, listening: ListenAddress, names: readonly string[]): boolean {
  const wanted = host.toLowerCase();
  const port = `:${listening.port}`;
  const isNamed = names.some((name) => {
    const known = name.toLowerCase();
    return known === wanted || `${known}${port}` === wanted;
  });
  if (isNamed) return true;
  if (listening.host !== '0.0.0.0' && listening.host !== '::') return false;
  if (wanted === `localhost${port}`) return true;
  const address = wanted.endsWith(port) ? wanted.slice(0, -port.length).replace(/^\[(.*)\]$/, '$1') : '';
  return isIP(address) !== 0 && isOwnAddress(address);
}

/** Of this machine, now: addresses come and go. An attacker's page is always under a name, so any own address is safe. */
function isOwnAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some((found) => found?.some((own) => own.address === address) === true);
}
