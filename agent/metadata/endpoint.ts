import type { Environment } from '../../common/runtime/environment.ts';
import type { Log } from '../../common/runtime/log.ts';
import { leasedEndpoints } from './dhcp/leases.ts';
import { readInstance, type InstanceResult } from './instance.ts';

/** Where the metadata service is in every virtual network of Azure (Azure docs, Scheduled Events, "Endpoint discovery"). */
export const NETWORK_ENDPOINT = 'http://169.254.169.254';

/** The environment variables that name another address, the first that is set counts. */
const VARIABLES = ['FOREWARN_METADATA', 'FOREWARN_VM_METADATA'] as const;

/** Where the metadata service of this VM is. */
export interface Endpoint {
  /** Asks who this VM is, at each address that comes into question until one answers. */
  readInstance(): Promise<InstanceResult>;
  /** The address that has answered, before that the first one that comes into question. */
  address(): string;
}

/**
 * `chosen` is the setting: an address, or `auto`. Then the environment counts, and otherwise the address of virtual networks;
 * where nothing answers there (a classic VM or cloud service outside of a virtual network), what DHCP said in option 245.
 * Never the other way round: Azure sends option 245 everywhere, and inside a network it is the address of another service.
 */
export function findEndpoint(
  chosen: string,
  tools: {
    readonly environment: Environment;
    readonly log: Log;
    readonly signal: AbortSignal;
    /** Where leases are looked for and the address of virtual networks, for tests. */
    readonly leases?: () => Promise<readonly string[]>;
    readonly networkEndpoint?: string;
  },
): Endpoint {
  const named = chosen === 'auto' ? fromEnvironment(tools.environment) : chosen;
  const first = named ?? tools.networkEndpoint ?? NETWORK_ENDPOINT;
  let found: string | undefined;

  const ask = async (address: string): Promise<InstanceResult> => {
    const result = await readInstance(address, tools.signal);
    if (result.kind !== 'instance') return result;
    if (found === undefined && address !== first) tools.log.warn({ address }, 'the metadata service was found by DHCP');
    found = address;
    return result;
  };

  return {
    readInstance: async () => {
      const result = await ask(found ?? first);
      if (result.kind === 'instance' || found !== undefined || named !== undefined) return result;
      for (const address of await (tools.leases ?? leasedEndpoints)()) {
        const other = await ask(address);
        if (other.kind === 'instance') return other;
      }
      return result;
    },
    address: () => found ?? first,
  };
}

function fromEnvironment(environment: Environment): string | undefined {
  for (const variable of VARIABLES) {
    const value = environment[variable];
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}
