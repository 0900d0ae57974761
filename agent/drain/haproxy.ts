import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { Claims } from './claims.ts';
import type { Drain } from './drain.ts';
import { askHaproxy, parseHaproxyAddress, type HaproxyAddress } from './haproxy-socket.ts';

/** Bits of `srv_admin_state` (HAProxy management guide, "show servers state"). */
const FORCED_MAINT = 0x01;
const INHERITED_MAINT = 0x02;
const CONFIG_MAINT = 0x04;
const FORCED_DRAIN = 0x08;
const INHERITED_DRAIN = 0x10;
const ANY_OUT = FORCED_MAINT | INHERITED_MAINT | CONFIG_MAINT | FORCED_DRAIN | INHERITED_DRAIN;

export interface HaproxyOptions {
  /** Path of the runtime socket, or host:port; it needs `level admin`. */
  readonly socket: string;
  /** `backend/server`. */
  readonly server: string;
  readonly claims: Claims;
  readonly log: Log;
}

/**
 * Drains one server of one HAProxy process through its runtime API. What an operator set by hand (maintenance or drain
 * before us) stays as it is: neither changed nor undone. Several processes or balancers are several of these.
 *
 * A drain keeps cookie-persistent requests, WebSockets and idle kept connections on the server (measured on 2.6): so the
 * proof is the number of sessions, never the fact that a drain was set.
 */
export function haproxyDrain(options: HaproxyOptions): Drain {
  const { server, claims, log } = options;
  const address = parseHaproxyAddress(options.socket);
  const key = `${options.socket} ${server}`;
  return {
    name: `haproxy ${server} at ${options.socket}`,
    start: async () => {
      const admin = await readAdminState(address, server);
      if ((admin & (FORCED_MAINT | FORCED_DRAIN)) !== 0) return;
      const isForgotten = claims.has(key);
      try {
        // First on disk: after a crash in between, a drain that nobody claims would never be undone.
        await claims.add(key);
      } catch (error) {
        log.error({ server, reason: describeError(error) }, 'cannot keep on disk that this server is drained by us');
      }
      await setState(address, server, 'drain');
      if (((await readAdminState(address, server)) & (FORCED_MAINT | FORCED_DRAIN)) === 0)
        throw new Error('the drain was taken, but the server is not in drain');
      if (isForgotten) log.warn({ server }, 'the balancer had forgotten the drain; set again');
    },
    read: async () => {
      const admin = await readAdminState(address, server);
      const { sessions, queued, status } = await readSessions(address, server);
      const isOut = (admin & ANY_OUT) !== 0;
      return {
        clear: isOut && sessions === 0 && queued === 0,
        detail: isOut ? `${sessions} sessions, ${queued} queued` : `not drained, status ${status}`,
      };
    },
    restore: async () => {
      if (!claims.has(key)) return;
      const admin = await readAdminState(address, server);
      // An operator has put it into maintenance since: that is theirs to end.
      if ((admin & FORCED_MAINT) === 0 && (admin & FORCED_DRAIN) !== 0) {
        await setState(address, server, 'ready');
        if (((await readAdminState(address, server)) & FORCED_DRAIN) !== 0)
          throw new Error('the server is still in drain after it was set ready');
      }
      await claims.remove(key);
    },
  };
}

async function setState(address: HaproxyAddress, server: string, state: 'drain' | 'ready'): Promise<void> {
  const answer = await askHaproxy(address, `set server ${server} state ${state}`);
  // Success is silence; every complaint is a text without a code.
  if (answer !== '') throw new Error(`haproxy refused to set ${server} to ${state}: ${answer}`);
}

async function readAdminState(address: HaproxyAddress, server: string): Promise<number> {
  const [backend = '', name = ''] = server.split('/');
  const answer = await askHaproxy(address, `show servers state ${backend}`);
  const lines = answer.split('\n');
  const header =
    lines
      .find((line) => line.startsWith('#'))
      ?.replace(/^#\s*/, '')
      .split(' ') ?? [];
  const nameColumn = header.indexOf('srv_name');
  const stateColumn = header.indexOf('srv_admin_state');
  for (const line of lines) {
    const fields = line.split(' ');
    if (nameColumn < 0 || stateColumn < 0 || fields[nameColumn] !== name) continue;
    const state = Number(fields[stateColumn]);
    if (Number.isInteger(state)) return state;
  }
  throw new Error(header.length === 0 ? `haproxy said: ${answer.slice(0, 200)}` : `haproxy knows no server ${server}`);
}

async function readSessions(
  address: HaproxyAddress,
  server: string,
): Promise<{ sessions: number; queued: number; status: string }> {
  const [backend = '', name = ''] = server.split('/');
  // -1 4 -1: every proxy, servers only, every server.
  const answer = await askHaproxy(address, 'show stat -1 4 -1');
  const [first = '', ...lines] = answer.split('\n');
  const header = first.replace(/^#\s*/, '').split(',');
  const column = (wanted: string): number => header.indexOf(wanted);
  for (const line of lines) {
    const fields = line.split(',');
    if (fields[column('pxname')] !== backend || fields[column('svname')] !== name) continue;
    const sessions = Number(fields[column('scur')] || Number.NaN);
    const queued = Number(fields[column('qcur')] || Number.NaN);
    if (Number.isInteger(sessions) && Number.isInteger(queued))
      return { sessions, queued, status: fields[column('status')] ?? '' };
  }
  throw new Error(`haproxy shows no sessions of ${server}`);
}
