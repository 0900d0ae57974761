import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { createJudge, type AddressRules, type Refused } from './address-guard.ts';

/** The job's target may not be called; `message` names the address and, where one helps, the setting. */
export class AddressRefusedError extends Error {
  readonly code = 'ADDRESS_REFUSED';

  constructor(host: string, address: string, verdict: Refused) {
    const where = host === address ? address : `${host} is ${address}, which`;
    const remedy =
      verdict.kind === 'private'
        ? `; the setting http.allow: [${address}] permits it, http.allowPrivate permits it and all others of its kind`
        : '; no setting permits it';
    super(`${where} is ${verdict.why}${remedy}`);
    this.name = 'AddressRefusedError';
  }
}

/** Longest wait for a connection; the action's own time-out covers all of it. */
const CONNECT_TIMEOUT_MS = 30_000;

/** Decides to which addresses connections are made, for every protocol that actions speak. */
export interface AddressGuard {
  /** Throws an `AddressRefusedError` when `host` is a literal address that may not be connected to. Names pass. */
  readonly assertLiteral: (host: string, port: number) => void;
  /** Resolves names; only addresses that passed are handed on. Literal addresses never come to a lookup. */
  readonly lookup: (port: number) => LookupFunction;
}

export function createAddressGuard(rules: AddressRules): AddressGuard {
  const judge = createJudge(rules);
  return {
    assertLiteral: (host, port) => {
      const plain = host.replace(/^\[|\]$/g, '');
      if (isIP(plain) === 0) return;
      const verdict = judge(plain, port);
      if (verdict.kind !== 'allowed') throw new AddressRefusedError(plain, plain, verdict);
    },
    lookup: (port) => (hostname, options, callback) => {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error !== null) {
          callback(error, '');
          return;
        }
        let refusal: AddressRefusedError | undefined;
        const allowed = addresses.filter(({ address }) => {
          const verdict = judge(address, port);
          if (verdict.kind === 'allowed') return true;
          refusal ??= new AddressRefusedError(hostname, address, verdict);
          return false;
        });
        const first = allowed[0];
        if (first === undefined) callback(refusal ?? new Error(`${hostname} has no address`), '');
        else if (options.all === true) callback(null, allowed);
        else callback(null, first.address, first.family);
      });
    },
  };
}

/** What connections over TLS show and believe. */
export interface TlsParts {
  /** PEM; trusted besides the authorities that Node.js knows. */
  readonly ca?: readonly string[] | undefined;
  /** PEM: a client certificate with its chain, and its key. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Connections of actions over HTTP. The check is made where the connection is, so nothing that leads to a URL (a redirect, a
 * status URL, an endpoint of the settings) goes round it, and a name whose answer changes between check and connection gains
 * nothing. HTTP/1.1 only: HTTP/2 would write the names of headers in lower case.
 */
export function createGuardedAgent(guard: AddressGuard, tls: TlsParts = {}): Agent {
  const { ca, ...own } = tls;
  const connectors = new Map<number, buildConnector.connector>();
  const connectorFor = (port: number): buildConnector.connector => {
    const known = connectors.get(port);
    if (known !== undefined) return known;
    const made = buildConnector({
      ...own,
      ...(ca === undefined ? {} : { ca: [...ca] }),
      lookup: guard.lookup(port),
      timeout: CONNECT_TIMEOUT_MS,
      allowH2: false,
    });
    connectors.set(port, made);
    return made;
  };
  return new Agent({
    allowH2: false,
    connect: (options, callback) => {
      const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
      try {
        guard.assertLiteral(options.hostname, port);
      } catch (error) {
        callback(error instanceof Error ? error : new Error('refused'), null);
        return;
      }
      connectorFor(port)(options, callback);
    },
  });
}
