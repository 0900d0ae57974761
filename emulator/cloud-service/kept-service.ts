import type { Environment } from '../../common/runtime/environment.ts';
import type { Fleet, FleetService } from '../fleet/fleet.ts';
import type { RoleSettings } from '../fleet/fleet-schema.ts';
import type { KeptDeployment, KeptService } from '../state/kept-parts.ts';
import { instanceOf, instancesOf, type Deployment } from './deployment.ts';
import { parseDefinition } from './upload.ts';

/** A deployment before its instances are watched. */
export type UnwatchedDeployment = Omit<Deployment, 'pool'>;

/** What a cloud service begins with. */
export interface ServiceBeginning {
  /** How many deployments there have been. */
  readonly count: number;
  readonly production: UnwatchedDeployment;
  readonly staging: UnwatchedDeployment | undefined;
}

/** As the fleet file says, or as an earlier run left it. Throws what is wrong with an uploaded file by now: its variables may be gone. */
export function serviceBeginning(
  service: FleetService,
  kept: KeptService | undefined,
  environment: Environment,
): ServiceBeginning {
  if (kept === undefined) return { count: 1, production: firstDeployment(service), staging: undefined };
  const restore = (found: KeptDeployment): UnwatchedDeployment => restored(service, found, environment);
  return {
    count: kept.count,
    production: restore(kept.production),
    staging: kept.staging === undefined ? undefined : restore(kept.staging),
  };
}

function firstDeployment(service: FleetService): UnwatchedDeployment {
  return newDeployment(service, { number: 1, definition: undefined, roles: service.roles, workingFolder: undefined });
}

/** A deployment whose instances have never been replaced or scaled. */
export function newDeployment(
  service: FleetService,
  parts: Pick<Deployment, 'number' | 'definition' | 'roles' | 'workingFolder'>,
): UnwatchedDeployment {
  const { number, roles } = parts;
  return {
    ...parts,
    definedRoles: roles,
    scope: number === 1 ? service.name : `${service.name}-${number}`,
    environment: service.environment,
    generations: new Map(),
  };
}

function restored(service: FleetService, kept: KeptDeployment, environment: Environment): UnwatchedDeployment {
  const { number, definition, instances } = kept;
  const isServed = service.publicAddress !== undefined;
  const { roles, workingFolder } =
    definition === undefined
      ? { roles: service.roles, workingFolder: undefined }
      : parseDefinition(definition, { environment, isServed });
  return {
    ...newDeployment(service, { number, definition, roles, workingFolder }),
    roles: roles.map((role) => ({ ...role, instances: instances[role.name] ?? role.instances })),
    generations: new Map(Object.entries(kept.generations)),
  };
}

/** What has to be kept of a deployment; the file of an upload as it was, because its variables may be secrets. */
export function keptDeployment(deployment: UnwatchedDeployment): KeptDeployment {
  const { number, definition, definedRoles, roles, generations } = deployment;
  const scaled = roles.filter((role) => instancesIn(definedRoles, role.name) !== role.instances);
  return {
    number,
    definition: definition === undefined ? undefined : { file: definition.file, text: definition.text },
    instances: Object.fromEntries(scaled.map((role) => [role.name, role.instances])),
    generations: Object.fromEntries(generations),
  };
}

function instancesIn(roles: readonly RoleSettings[], name: string): number | undefined {
  return roles.find((role) => role.name === name)?.instances;
}

/** The fleet with the instances that the service begins with, in the place of those that the file says. */
export function fleetOfBeginning(fleet: Fleet, beginning: ServiceBeginning | undefined): Fleet {
  if (beginning === undefined) return fleet;
  const deployments = [beginning.production, ...(beginning.staging === undefined ? [] : [beginning.staging])];
  const instances = deployments.flatMap((deployment) =>
    instancesOf(deployment).map(({ role, index }) => instanceOf(deployment, role, index)),
  );
  const others = fleet.vms.filter(({ vm }) => fleet.scopes[vm.scope] !== 'cloud-service');
  const scopes = Object.fromEntries(deployments.map(({ scope }) => [scope, 'cloud-service' as const]));
  return { ...fleet, vms: [...instances, ...others], scopes: { ...fleet.scopes, ...scopes } };
}
