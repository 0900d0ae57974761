import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import { formatDuration } from '../../common/runtime/duration.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { Claims } from './claims.ts';
import type { Drain } from './drain.ts';
import {
  CONFIG_MAINT,
  describeTraffic,
  endIdleConnections,
  FORCED_DRAIN,
  FORCED_MAINT,
  INHERITED_DRAIN,
  INHERITED_MAINT,
  isQuiet,
  readServerState,
  readTraffic,
  setServerState,
  shutDownSessions,
  type HaproxyServer,
} from './haproxy-server.ts';
import { parseHaproxyAddress } from './haproxy-socket.ts';
import type { HaproxyStateFile } from './haproxy-state-file.ts';

const IN_MAINT = FORCED_MAINT | INHERITED_MAINT | CONFIG_MAINT;
const ANY_OUT = IN_MAINT | FORCED_DRAIN | INHERITED_DRAIN;

/** A server given back whose health check does not pass is waited for; then its balancer is left to judge it. */
const UP_PATIENCE_MS = 30_000;

export interface HaproxyOptions {
  /** Path of the runtime socket, or host:port; it needs `level admin`. */
  readonly socket: string;
  /** `backend/server`. */
  readonly server: string;
  /** From drain to maintenance at the latest after so long, sooner when it is quiet; undefined: never. */
  readonly maintAfterMs: number | undefined;
  /** What is still open after so long (WebSockets) is shut down; undefined: never. */
  readonly shutdownAfterMs: number | undefined;
  readonly stateFile: HaproxyStateFile | undefined;
  readonly claims: Claims;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Drains one server of one HAProxy process through its runtime API:
 *
 *   ready ──▶ drain ──▶ maint ──▶ sessions shut down
 *          at once   quiet, or    after shutdownAfter, again and again
 *                    maintAfter
 *
 * Drain alone is no end (measured on 2.6): requests with a persistence cookie still go to the server, WebSockets and idle
 * kept connections stay. Maintenance ends all but the WebSockets. Each `start` goes as far as it is time for; so the proof is
 * maintenance and the number of sessions, never the fact that something was set.
 *
 * What an operator set by hand stays as it is, neither changed nor undone: a server in drain or maintenance before us, and
 * maintenance set over our drain. Several processes or balancers are several of these.
 *
 * A HAProxy that was reloaded keeps old connections in its old process, where its socket does not show them: those are seen
 * by the connections that are established inside the VM (setting connections.ports).
 */
export function haproxyDrain(options: HaproxyOptions): Drain {
  const { server, claims, clock, log, stateFile } = options;
  const target: HaproxyServer = { address: parseHaproxyAddress(options.socket), server };
  const key = `${options.socket} ${server}`;
  let sinceMs: number | undefined;
  let upSinceMs: number | undefined;
  const isForeign = (admin: number): boolean =>
    ((admin & FORCED_MAINT) !== 0 && claims.get(key) !== 'maint') ||
    ((admin & FORCED_DRAIN) !== 0 && claims.get(key) === undefined);

  const claim = async (stage: 'drain' | 'maint'): Promise<void> => {
    try {
      // First on disk: after a crash in between, a server that nobody claims would never be given back.
      await claims.set(key, stage);
    } catch (error) {
      log.error({ server, reason: describeError(error) }, 'cannot keep on disk that this server is turned away by us');
    }
  };

  return {
    name: `haproxy ${server} at ${options.socket}`,
    start: async () => {
      const before = await readServerState(target);
      upSinceMs = undefined;
      if (isForeign(before.admin)) return;
      const isForgotten = claims.get(key) !== undefined && (before.admin & (FORCED_MAINT | FORCED_DRAIN)) === 0;
      // What came in because the balancer forgot has its time to end, like what was there at first.
      if (isForgotten) sinceMs = undefined;
      sinceMs ??= clock.monotonic();
      const outForMs = clock.monotonic() - sinceMs;
      const traffic = await readTraffic(target);
      const stage = stageNow(options, { current: claims.get(key), outForMs, quiet: isQuiet(traffic) });
      await claim(stage);
      const wanted = stage === 'maint' ? FORCED_MAINT : FORCED_DRAIN;
      if ((before.admin & wanted) === 0) await setServerState(target, stage);
      // Nothing is in use, so nobody is cut off; whoever came in between would be a session, and seen.
      else if (stage === 'maint' && isQuiet(traffic) && traffic.idle > 0) await endIdleConnections(target);
      const after = await readServerState(target);
      if ((after.admin & wanted) === 0) throw new Error(`${stage} was taken, but the server is not in ${stage}`);
      await stateFile?.hold(server, after);
      if (isForgotten) log.warn({ server }, 'the balancer had forgotten the drain; set again');
      if (options.shutdownAfterMs !== undefined && outForMs >= options.shutdownAfterMs && traffic.sessions > 0) {
        await shutDownSessions(target);
        log.warn({ server, after: formatDuration(outForMs), sessions: traffic.sessions }, 'sessions were shut down');
      }
    },
    read: async () => {
      const { admin } = await readServerState(target);
      const traffic = await readTraffic(target);
      if ((admin & ANY_OUT) === 0) return { clear: false, detail: `not drained, status ${traffic.status}` };
      // In a drain of ours that will go on to maintenance, a request with a cookie may come at any moment.
      const isFinal = isForeign(admin) || options.maintAfterMs === undefined || (admin & IN_MAINT) !== 0;
      const keepsIdle = claims.get(key) === 'maint' && traffic.idle > 0;
      return {
        clear: isFinal && isQuiet(traffic) && !keepsIdle,
        count: traffic.sessions + traffic.queued,
        detail: describeTraffic(traffic),
      };
    },
    restore: async () => {
      sinceMs = undefined;
      if (claims.get(key) !== undefined) {
        const { admin } = await readServerState(target);
        if (!isForeign(admin) && (admin & (FORCED_MAINT | FORCED_DRAIN)) !== 0) {
          await setServerState(target, 'ready');
          if (((await readServerState(target)).admin & (FORCED_MAINT | FORCED_DRAIN)) !== 0)
            throw new Error('the server is still turned away after it was set ready');
        }
        upSinceMs = clock.monotonic();
      }
      await stateFile?.release(server);
      await claims.remove(key);
      if (upSinceMs === undefined) return;
      const { status } = await readTraffic(target);
      if (status.startsWith('DOWN') && clock.monotonic() - upSinceMs < UP_PATIENCE_MS)
        throw new Error(`set ready, but its health check has not passed yet (${status})`);
      upSinceMs = undefined;
    },
  };
}

/** How far to go now. What has gone further is not taken back. */
function stageNow(
  { maintAfterMs }: Pick<HaproxyOptions, 'maintAfterMs'>,
  now: { readonly current: string | undefined; readonly outForMs: number; readonly quiet: boolean },
): 'drain' | 'maint' {
  if (now.current === 'maint') return 'maint';
  if (maintAfterMs === undefined) return 'drain';
  return now.quiet || now.outForMs >= maintAfterMs ? 'maint' : 'drain';
}
