import type { FleetVm } from '../fleet/fleet.ts';
import { roleInstance } from '../fleet/fleet.ts';
import type { RoleSettings } from '../fleet/fleet-schema.ts';
import type { EmulatedVm } from '../emulated-vm.ts';
import type { Instance, Pool } from './pool.ts';
import type { ServiceDefinition } from './upload.ts';

/** One deployment of the cloud service: in a slot, and a scope of its own, because nobody but its VMs sees its events. */
export interface Deployment {
  /** From 1; the first is the fleet file's. */
  readonly number: number;
  readonly scope: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Where its commands run; undefined = the folder of the fleet file. */
  readonly workingFolder: string | undefined;
  /** The file that was uploaded; undefined for the fleet file's. */
  readonly definition: ServiceDefinition | undefined;
  /** Roles as that file has them. */
  readonly definedRoles: readonly RoleSettings[];
  /** The same as they were scaled. */
  roles: readonly RoleSettings[];
  /** Its instances behind an address; undefined when no role of it serves. */
  readonly pool: Pool | undefined;
  /** How many times an instance was replaced, by its name. */
  readonly generations: Map<string, number>;
}

/** The role that is behind the address, if one is. */
export function servingRole(roles: readonly RoleSettings[]): RoleSettings | undefined {
  return roles.find((role) => role.serves !== undefined && role.probe !== undefined);
}

/** The name of instance `index` of a role, as events carry it. */
export function instanceName(deployment: Pick<Deployment, 'number'>, role: RoleSettings, index: number): string {
  return `${role.name}${suffixOf(deployment)}_IN_${index}`;
}

/** What is to be started for instance `index` of a role. */
export function instanceOf(deployment: Omit<Deployment, 'pool'>, role: RoleSettings, index: number): FleetVm {
  const { scope, generations, environment, workingFolder } = deployment;
  const generation = generations.get(instanceName(deployment, role, index)) ?? 0;
  const found = roleInstance(role, { scope, suffix: suffixOf(deployment), index, generation });
  return {
    ...found,
    environment: { ...environment, ...found.environment },
    ...(workingFolder === undefined ? {} : { workingFolder }),
  };
}

/** Every instance of every role, in order. */
export function instancesOf(
  deployment: Pick<Deployment, 'number' | 'roles'>,
): readonly { readonly role: RoleSettings; readonly index: number; readonly name: string }[] {
  return deployment.roles.flatMap((role) =>
    Array.from({ length: role.instances }, (_, index) => ({
      role,
      index,
      name: instanceName(deployment, role, index),
    })),
  );
}

/** The instances that belong behind the address, of those that are there and not in `without`. */
export function behindAddress(
  deployment: Deployment,
  find: (vm: string) => EmulatedVm | undefined,
  without: ReadonlySet<string> = new Set(),
): readonly Instance[] {
  const role = servingRole(deployment.roles);
  const { serves, probe } = role ?? {};
  if (serves === undefined || probe === undefined) return [];
  return instancesOf(deployment).flatMap((found) => {
    const seen = found.role === role && !without.has(found.name) ? find(found.name) : undefined;
    if (seen === undefined) return [];
    const { address: host, ports } = seen;
    return { vm: found.name, host, servesPort: ports[serves] ?? 0, probePort: ports[probe.port] ?? 0 };
  });
}

function suffixOf(deployment: Pick<Deployment, 'number'>): string {
  return deployment.number === 1 ? '' : `-${deployment.number}`;
}
