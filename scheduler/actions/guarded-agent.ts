import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent } from 'undici';
import { judgeAddress, type AddressVerdict } from './address-guard.ts';

/** The job's target may not be called; `message` names the address and, where one helps, the setting. */
export class AddressRefusedError extends Error {
  readonly code = 'ADDRESS_REFUSED';

  constructor(host: string, address: string, verdict: Exclude<AddressVerdict, { kind: 'allowed' }>) {
    const where = host === address ? address : `${host} is ${address}, which`;
    const remedy =
      verdict.kind === 'private' ? '; the setting http.allowPrivate permits it' : '; no setting permits it';
    super(`${where} is ${verdict.why}${remedy}`);
    this.name = 'AddressRefusedError';
  }
}

/** Longest wait for a connection; the action's own time-out covers all of it. */
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Connections of HTTP actions. Names are resolved here and only addresses that passed are handed to the socket, so a name
 * whose answer changes between check and connection gains nothing. Literal addresses never come to a lookup: `refuseLiteral`
 * is for those.
 */
export function createGuardedAgent(allowPrivate: boolean): Agent {
  return new Agent({ connect: { lookup: guardedLookup(allowPrivate), timeout: CONNECT_TIMEOUT_MS } });
}

/** Throws an `AddressRefusedError` when the URL's host is a literal address that may not be called. */
export function refuseLiteral(url: URL, allowPrivate: boolean): void {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 0) return;
  const verdict = judgeAddress(host);
  if (verdict.kind === 'never' || (verdict.kind === 'private' && !allowPrivate)) {
    throw new AddressRefusedError(host, host, verdict);
  }
}

function guardedLookup(allowPrivate: boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, '');
        return;
      }
      let refusal: AddressRefusedError | undefined;
      const allowed = addresses.filter(({ address }) => {
        const verdict = judgeAddress(address);
        if (verdict.kind === 'allowed' || (verdict.kind === 'private' && allowPrivate)) return true;
        refusal ??= new AddressRefusedError(hostname, address, verdict);
        return false;
      });
      const first = allowed[0];
      if (first === undefined) callback(refusal ?? new Error(`${hostname} has no address`), '');
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
