import { askHaproxy, type HaproxyAddress } from './haproxy-socket.ts';

/** Bits of `srv_admin_state` (HAProxy management guide, "show servers state"). */
export const FORCED_MAINT = 0x01;
export const INHERITED_MAINT = 0x02;
export const CONFIG_MAINT = 0x04;
export const FORCED_DRAIN = 0x08;
export const INHERITED_DRAIN = 0x10;

/** One server of one HAProxy process. */
export interface HaproxyServer {
  readonly address: HaproxyAddress;
  /** `backend/server`. */
  readonly server: string;
}

export interface ServerState {
  /** Bits of `srv_admin_state`. */
  readonly admin: number;
  /** What HAProxy reads back from a server state file: its first line, the header, and the line of this server. */
  readonly saved: { readonly version: string; readonly header: string; readonly line: string };
}

/** Asks for the administrative state; rejects when HAProxy does not know the server or does not answer. */
export async function readServerState({ address, server }: HaproxyServer): Promise<ServerState> {
  const { backend, name } = splitServer(server);
  const answer = await askHaproxy(address, `show servers state ${backend}`);
  const lines = answer.split('\n');
  const header = lines.find((line) => line.startsWith('#')) ?? '';
  const columns = header.replace(/^#\s*/, '').split(' ');
  const nameColumn = columns.indexOf('srv_name');
  const stateColumn = columns.indexOf('srv_admin_state');
  const changeColumn = columns.indexOf('srv_time_since_last_change');
  for (const line of lines) {
    const fields = line.split(' ');
    if (nameColumn < 0 || stateColumn < 0 || fields[nameColumn] !== name) continue;
    const admin = Number(fields[stateColumn]);
    if (!Number.isInteger(admin)) continue;
    // A number of seconds that moves by itself must not make two equal states different.
    if (changeColumn >= 0) fields[changeColumn] = '0';
    return { admin, saved: { version: lines[0] ?? '', header, line: fields.join(' ') } };
  }
  throw new Error(header === '' ? `haproxy said: ${answer.slice(0, 200)}` : `haproxy knows no server ${server}`);
}

/** What flows to one server now. */
export interface ServerTraffic {
  readonly sessions: number;
  readonly queued: number;
  /** Connections to the server that carry something at this moment; 0 where HAProxy is too old to tell (before 2.2). */
  readonly inUse: number;
  /** Connections to the server that carry nothing and are kept for later. */
  readonly idle: number;
  /** `UP`, `DRAIN`, `MAINT`, `DOWN`, `no check`, … */
  readonly status: string;
}

export async function readTraffic(target: HaproxyServer): Promise<ServerTraffic> {
  const { backend, name } = splitServer(target.server);
  // -1 4 -1: every proxy, servers only, every server.
  const answer = await askHaproxy(target.address, 'show stat -1 4 -1');
  const [first = '', ...lines] = answer.split('\n');
  const header = first.replace(/^#\s*/, '').split(',');
  const column = (wanted: string): number => header.indexOf(wanted);
  for (const line of lines) {
    const fields = line.split(',');
    if (fields[column('pxname')] !== backend || fields[column('svname')] !== name) continue;
    const sessions = Number(fields[column('scur')] || Number.NaN);
    const queued = Number(fields[column('qcur')] || Number.NaN);
    if (Number.isInteger(sessions) && Number.isInteger(queued))
      return { sessions, queued, ...(await readConnections(target)), status: fields[column('status')] ?? '' };
  }
  throw new Error(`haproxy shows no sessions of ${target.server}`);
}

export function isQuiet(traffic: ServerTraffic): boolean {
  return traffic.sessions === 0 && traffic.queued === 0 && traffic.inUse === 0;
}

/** For people. */
export function describeTraffic({ sessions, queued, inUse, idle }: ServerTraffic): string {
  return `${sessions} sessions, ${queued} queued${inUse === 0 ? '' : `, ${inUse} connections in use`}${idle === 0 ? '' : `, ${idle} kept idle`}`;
}

async function readConnections({ address, server }: HaproxyServer): Promise<Pick<ServerTraffic, 'inUse' | 'idle'>> {
  const answer = await askHaproxy(address, `show servers conn ${splitServer(server).backend}`);
  const [header = '', ...lines] = answer.split('\n');
  const columns = header.replace(/^#\s*/, '').split(/\s+/);
  // "bkname/svname", and the ids after it.
  const fields = lines.map((line) => line.split(/\s+/)).find(([key]) => key === server);
  const numberIn = (column: string): number => {
    const value = Number(fields?.[columns.indexOf(column)] ?? 0);
    return Number.isInteger(value) ? value : 0;
  };
  return { inUse: numberIn('used_cur'), idle: numberIn('idle_cur') };
}

/** Sets the administrative state; rejects with what HAProxy complained of. */
export async function setServerState(
  { address, server }: HaproxyServer,
  state: 'drain' | 'maint' | 'ready',
): Promise<void> {
  const answer = await askHaproxy(address, `set server ${server} state ${state}`);
  // Success is silence; every complaint is a text without a code.
  if (answer !== '') throw new Error(`haproxy refused to set ${server} to ${state}: ${answer}`);
}

/** Ends every session that the server has, WebSockets among them. */
export async function shutDownSessions({ address, server }: HaproxyServer): Promise<void> {
  const answer = await askHaproxy(address, `shutdown sessions server ${server}`);
  if (answer !== '') throw new Error(`haproxy refused to shut down the sessions of ${server}: ${answer}`);
}

/**
 * Ends the idle connections of a server in maintenance. HAProxy ends those that are idle when maintenance begins; one that was
 * in use then is kept afterwards without an end (measured on 2.6), although nothing will ever be sent on it, and inside the VM it
 * is a connection that is established. Entering maintenance again ends it; both commands are one line, so that there is hardly
 * a moment in between for a request with a cookie.
 */
export async function endIdleConnections({ address, server }: HaproxyServer): Promise<void> {
  const answer = await askHaproxy(address, `set server ${server} state drain; set server ${server} state maint`);
  if (answer !== '') throw new Error(`haproxy refused to end the idle connections of ${server}: ${answer}`);
}

function splitServer(server: string): { readonly backend: string; readonly name: string } {
  const [backend = '', name = ''] = server.split('/');
  return { backend, name };
}
