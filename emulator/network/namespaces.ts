import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server, Socket } from 'node:net';
import path from 'node:path';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import type { ListenAddress } from '../../common/runtime/listen.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import { forward } from '../cloud-service/forward.ts';
import type { MetadataPlace } from '../fleet/fleet-schema.ts';
import { startTimeOf } from '../hosts/vm-processes.ts';
import { ip, runTool } from './ip.ts';
import { LEASES_FOLDER, LEASES_SEEN, removeLeasesFolder, writeLease } from './lease.ts';
import { listenInside } from './listen-inside.ts';

/** Where a VM is on the network. */
export interface VmNetwork {
  /** The VM's own address, where the emulator's machine reaches its ports. */
  readonly address: string;
  /** The metadata service as the VM sees it; undefined when only its DHCP lease tells. */
  readonly metadata: string | undefined;
  /** Program and arguments that start what follows them inside. */
  readonly launcher: readonly string[];
}

/**
 * A network namespace for each VM: loopback with 169.254.169.254 on it, and a pair of virtual interfaces to the emulator's
 * machine. The machine's own addresses and routes get nothing of the link-local range: nothing outside can meet that address.
 */
export interface VmNetworks {
  /**
   * Makes a VM's network, in which it bears `hostName`; what connects to port 80 of the places `metadataAt` in it is led to
   * `metadata`, and what connects to an address that is forwarded, to the same address of the emulator's machine.
   */
  open(
    vm: string,
    wanted: {
      readonly metadata: ListenAddress;
      readonly hostName: string;
      readonly metadataAt: readonly MetadataPlace[];
    },
  ): Promise<VmNetwork>;
  remove(vm: string): Promise<void>;
  /** Removes all of them. */
  close(): Promise<void>;
}

/** Where every Azure VM finds its metadata service (Azure docs, Instance Metadata Service). */
const METADATA_HOST = '169.254.169.254';
/**
 * Where it is outside of virtual networks: the address of the wire server, which every lease of Azure names (Azure docs, Scheduled
 * Events, "Endpoint discovery").
 */
const WIRE_SERVER = '168.63.129.16';
const PLACES: Readonly<Record<MetadataPlace, string>> = { network: METADATA_HOST, dhcp: WIRE_SERVER };
/** Where iproute2 keeps the names of namespaces. */
const NAMESPACES_FOLDER = '/run/netns';
/** Files here stand in place of those in /etc for what is started in the namespace of that name (ip-netns(8)). */
const OWN_FILES_FOLDER = '/etc/netns';
/** Pairs of addresses in 198.18.0.0/15, which is for tests of network devices (RFC 2544) and in nobody's network. */
const PAIRS = 65_536;
/** Pairs are claimed by the names of their links; so many taken ones in a row mean that something else is wrong. */
const MAX_TRIES = 20;

interface Made {
  readonly namespace: string;
  readonly servers: readonly Server[];
  readonly sockets: Set<Socket>;
}

/**
 * Gives what follows a host name of its own: clients look for themselves among an event's resources by it. The file takes names
 * that the program `hostname` refuses (`FrontEnd_IN_0`); where it is read-only, as in some containers, that program helps.
 */
const SET_HOST_NAME = '{ printf %s "$1" >/proc/sys/kernel/hostname || hostname "$1"; } 2>/dev/null';
/** And leases of its own, where it has any: iproute2 has given it a view of the file system that nobody else has. */
const MOUNT_LEASES = `{ [ -z "$2" ] || mount --bind "$2" ${LEASES_SEEN}; }`;
const ENTER = ['unshare', '--uts', 'sh', '-c', `${SET_HOST_NAME} && ${MOUNT_LEASES} && shift 2 && exec "$@"`, 'sh'];

/**
 * Removes what emulators that are no more have left, whatever their folders were, and is then ready to make networks. Rejects
 * with a `UserError` (`NO_NAMESPACES`) where there can be none.
 */
export async function createVmNetworks(options: {
  readonly nodeFile: string;
  /** Addresses of this machine's loopback that every VM reaches under the same address. */
  readonly forward: readonly ListenAddress[];
  readonly random: RandomSource;
  readonly log: Log;
}): Promise<VmNetworks> {
  await requireNamespaces();
  await removeLeftovers(options.log);
  const made = new Map<string, Made>();

  const remove = async (vm: string): Promise<void> => {
    const found = made.get(vm);
    if (found === undefined) return;
    made.delete(vm);
    for (const server of found.servers) server.close();
    for (const socket of found.sockets) socket.destroy();
    await removeNamespace(found.namespace);
  };

  return {
    open: async (vm, { metadata, hostName, metadataAt }) => {
      const { namespace, pair } = await claim(options.random);
      try {
        const address = await connectNamespace(namespace, { pair, metadataAt });
        await writeHosts(namespace, `${address} ${hostName}`);
        const leases = metadataAt.includes('dhcp') ? await writeLease(namespace, { address, server: WIRE_SERVER }) : '';
        const sockets = new Set<Socket>();
        const leadTo = (target: ListenAddress) => (client: Socket) => {
          const onward = forward(client, target);
          for (const socket of [client, onward]) {
            sockets.add(socket);
            socket.once('close', () => sockets.delete(socket));
          }
        };
        const launcher = ['ip', 'netns', 'exec', namespace];
        const servers = await listenInside({ launcher, nodeFile: options.nodeFile }, [
          ...metadataAt.map((place) => ({
            address: { host: PLACES[place], port: 80 },
            onConnection: leadTo(metadata),
          })),
          ...options.forward.map((target) => ({ address: target, onConnection: leadTo(target) })),
        ]);
        made.set(vm, { namespace, servers, sockets });
        return {
          address,
          metadata: metadataAt.includes('network') ? `http://${METADATA_HOST}` : undefined,
          launcher: [...launcher, ...ENTER, hostName, leases],
        };
      } catch (error) {
        await removeNamespace(namespace);
        throw error;
      }
    },
    remove,
    close: async () => {
      for (const vm of made.keys()) await remove(vm);
      await removeLeasesFolder();
    },
  };
}

async function requireNamespaces(): Promise<void> {
  const problem =
    process.platform !== 'linux'
      ? `this is ${process.platform}, and only Linux has them`
      : process.getuid?.() === 0
        ? undefined
        : 'only root may make them';
  if (problem !== undefined) throw unavailable(problem);
  try {
    await ip(['-V']);
  } catch (error) {
    throw unavailable('the program "ip" is missing (Debian package iproute2)', error);
  }
  try {
    await runTool('unshare', [...ENTER.slice(1), 'vm', '', 'true']);
  } catch (error) {
    throw unavailable('"unshare --uts" fails, which gives a VM its host name (Debian package util-linux)', error);
  }
}

function unavailable(problem: string, cause?: unknown): UserError {
  return new UserError('NO_NAMESPACES', `network: namespaces is not possible here: ${problem}`, {
    hint: 'without it (network: loopback) every VM is told its own metadata address in FOREWARN_VM_METADATA',
    exitStatus: EXIT_USAGE,
    cause,
  });
}

/** The name says whose it is: process id and start time name a process for ever. The number is that of the address pair. */
function namespaceName(pair: number): string {
  return `fw-${process.pid}-${startTimeOf(process.pid) ?? '0'}-${pair}`;
}

/** The name of the link's outer end, which is how emulators that run beside each other tell that a pair is taken. */
function linkName(pair: number): string {
  return `fw-${pair}`;
}

async function claim(random: RandomSource): Promise<{ readonly namespace: string; readonly pair: number }> {
  let problem: unknown;
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const pair = Math.floor(random.fraction() * PAIRS);
    const namespace = namespaceName(pair);
    try {
      await ip(['netns', 'add', namespace]);
    } catch (error) {
      problem = error;
      continue;
    }
    try {
      await ip(['link', 'add', linkName(pair), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
      return { namespace, pair };
    } catch (error) {
      problem = error;
      await removeNamespace(namespace);
    }
  }
  throw unavailable(problem instanceof Error ? problem.message : 'no address is free', problem);
}

/** Gives both ends their addresses. Returns the VM's. */
async function connectNamespace(
  namespace: string,
  { pair, metadataAt }: { readonly pair: number; readonly metadataAt: readonly MetadataPlace[] },
): Promise<string> {
  const [outer, inner] = [addressOf(2 * pair), addressOf(2 * pair + 1)];
  try {
    await ip(['-batch', '-'], [`addr add ${outer}/31 dev ${linkName(pair)}`, `link set ${linkName(pair)} up`]);
    await ip(
      ['-n', namespace, '-batch', '-'],
      [
        'link set lo up',
        ...new Set(metadataAt.map((place) => `addr add ${PLACES[place]}/32 dev lo`)),
        // They end here: whatever a VM does to these addresses, no packet for them leaves by the default route.
        'route add unreachable 169.254.0.0/16',
        `route add unreachable ${WIRE_SERVER}/32`,
        `addr add ${inner}/31 dev eth0`,
        'link set eth0 up',
        `route add default via ${outer}`,
      ],
    );
  } catch (error) {
    throw unavailable(error instanceof Error ? error.message : String(error), error);
  }
  return inner;
}

/**
 * A VM finds its own name. Otherwise whoever asks for it (`hostname -f`) waits long seconds for a name server that no VM reaches.
 */
async function writeHosts(namespace: string, own: string): Promise<void> {
  const folder = path.join(OWN_FILES_FOLDER, namespace);
  const ofMachine = await readFile('/etc/hosts', 'utf8').catch(() => '127.0.0.1 localhost\n');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'hosts'), `${own}\n${ofMachine}`);
}

function addressOf(index: number): string {
  return `198.${18 + Math.floor(index / 65_536)}.${Math.floor(index / 256) % 256}.${index % 256}`;
}

/** The link goes first: the kernel takes its time with a namespace, and ends it only after the last process in it. */
async function removeNamespace(namespace: string): Promise<void> {
  await ip(['-n', namespace, 'link', 'del', 'eth0']).catch(() => {
    // There was none, or it has gone already.
  });
  await ip(['netns', 'del', namespace]).catch(() => {
    // Somebody else has removed it: gone is what it was to be.
  });
  for (const folder of [OWN_FILES_FOLDER, LEASES_FOLDER]) {
    await rm(path.join(folder, namespace), { recursive: true, force: true });
  }
}

async function removeLeftovers(log: Log): Promise<void> {
  const folders = [NAMESPACES_FOLDER, OWN_FILES_FOLDER, LEASES_FOLDER];
  const names = await Promise.all(folders.map(async (folder) => await readdir(folder).catch(() => [])));
  for (const namespace of new Set(names.flat())) {
    const match = /^fw-(\d+)-(\d+)-\d+$/.exec(namespace);
    if (match === null || startTimeOf(Number(match[1])) === match[2]) continue;
    await removeNamespace(namespace);
    log.warn({ namespace }, 'removed a network that an earlier run left');
  }
}
