import { createHash } from 'node:crypto';
import path from 'node:path';
import type { ListenAddress } from '../../common/runtime/listen.ts';
import type { InstanceProfile } from '../metadata/instance-profile.ts';
import type { MetadataSettings } from '../metadata/settings.ts';
import type { PlatformSettings, ScopeKind, Vm } from '../platform/state.ts';
import type { FleetSettings, MetadataPlace, RoleSettings } from './fleet-schema.ts';
import type { HostCommands } from './commands-schema.ts';
import { computeOf, type ComputeSettings } from './compute-schema.ts';
import { controlAccessOf, type ControlAccessSettings } from './control-schema.ts';
import { profileOf } from './instance-schema.ts';
import { metadataSettingsOf } from './metadata-schema.ts';
import { rulesOf } from './rules-schema.ts';
import { scopesNamed, seesOwnEventsOnly } from './own-events.ts';

/** A VM as the fleet file describes it, spelt out. */
export interface FleetVm {
  readonly vm: Vm;
  /** Where its metadata service listens; undefined = any free port of loopback. */
  readonly metadata: ListenAddress | undefined;
  /** Where its commands run, when not in the fleet file's folder: an uploaded deployment has its own. */
  readonly workingFolder?: string;
  /** Names of ports that are picked for it. */
  readonly ports: readonly string[];
  readonly run: Readonly<Record<string, readonly string[]>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Where it finds its metadata service, when it has a network of its own. */
  readonly metadataAt: readonly MetadataPlace[];
  /** What its metadata says of its size, image, disks and the like. */
  readonly profile: InstanceProfile;
}

/** The instances behind the public address. */
export interface FleetBalancing {
  readonly publicAddress: ListenAddress;
  readonly role: string;
  /** Names of ports. */
  readonly serves: string;
  readonly probe: {
    readonly port: string;
    readonly path: string;
    readonly intervalMs: number;
    readonly threshold: number;
  };
}

export interface Fleet {
  readonly control: ListenAddress;
  readonly controlAccess: ControlAccessSettings;
  readonly host: 'none' | 'process' | 'command';
  /** Whether VMs share this machine's network or have one each. */
  readonly network: 'loopback' | 'namespaces';
  /** Of this machine's loopback; what VMs with a network of their own reach under the same address. */
  readonly forward: readonly ListenAddress[];
  /** Of the host `command`. */
  readonly commands: HostCommands | undefined;
  /** Absolute; undefined = a temporary one. */
  readonly folder: string | undefined;
  /** Where commands run: the folder of the fleet file. */
  readonly workingFolder: string;
  readonly location: string;
  readonly platform: PlatformSettings;
  readonly metadata: MetadataSettings;
  /** The compute API, where one is wanted. */
  readonly compute: ComputeSettings | undefined;
  readonly scopes: Readonly<Record<string, ScopeKind>>;
  readonly vms: readonly FleetVm[];
  readonly balancing: FleetBalancing | undefined;
  readonly cloudService: FleetService | undefined;
}

/** The cloud service, as it begins. */
export interface FleetService {
  readonly name: string;
  readonly publicAddress: ListenAddress | undefined;
  readonly stagingAddress: ListenAddress | undefined;
  readonly roles: readonly RoleSettings[];
  /** Environment of every command. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A cloud service has five update domains and two fault domains unless it asks for others (Azure docs, Cloud Services, service definition). */
const CLOUD_SERVICE_UPDATE_DOMAINS = 5;
const CLOUD_SERVICE_FAULT_DOMAINS = 2;

/** Spells out a valid fleet file: instances get their names, domains and ids. `folder` is the one the file is in. */
export function expandFleet(settings: FleetSettings, folder: string): Fleet {
  const scopes: Record<string, ScopeKind> = {};
  const vms = [
    ...cloudServiceVms(settings, scopes),
    ...standAloneVms(settings, scopes),
    ...availabilitySetVms(settings, scopes),
    ...scaleSetVms(settings, scopes),
  ];
  return {
    control: settings.control,
    controlAccess: controlAccessOf(settings, folder),
    host: settings.host,
    network: settings.network,
    forward: settings.forward,
    commands: settings.commands,
    folder: settings.folder === '' ? undefined : path.resolve(folder, settings.folder),
    workingFolder: folder,
    location: settings.location,
    platform: {
      noticeMs: settings.notice,
      startAfterApprovalMs: settings.impact.startAfterApproval,
      impactAfterStartMs: settings.impact.afterStart,
      freezeMs: settings.impact.freezeWhenUnknown,
      rebootAtLeastMs: settings.impact.rebootAtLeast,
      lingerAfterImpactMs: settings.impact.lingerAfterImpact,
      disableAfterMs: settings.metadata.disableAfter,
      rules: rulesOf(settings.rules, scopesNamed(settings, settings.rules.autoApprove)),
    },
    metadata: metadataSettingsOf(settings.metadata),
    compute: computeOf(settings.compute, folder),
    scopes,
    vms: vms.map((found) => ({ ...found, environment: { ...settings.environment, ...found.environment } })),
    balancing: balancingOf(settings),
    cloudService: serviceOf(settings),
  };
}

function cloudServiceVms(settings: FleetSettings, scopes: Record<string, ScopeKind>): readonly FleetVm[] {
  const service = settings.cloudService;
  if (service === undefined) return [];
  scopes[service.name] = 'cloud-service';
  return service.roles.flatMap((role) =>
    Array.from({ length: role.instances }, (_, index) =>
      roleInstance(role, { scope: service.name, suffix: '', index }),
    ),
  );
}

/**
 * An instance of a role. `suffix` tells the instances of a later deployment from those of the first, which have none; the
 * vmId is of scope, name and `generation`, which counts replacements.
 */
export function roleInstance(
  role: RoleSettings,
  place: { readonly scope: string; readonly suffix: string; readonly index: number; readonly generation?: number },
): FleetVm {
  const { scope, suffix, index, generation = 0 } = place;
  const own = identity(scope, `${role.name}${suffix}_IN_${index}`);
  return {
    vm: {
      ...own,
      ...(generation === 0 ? {} : { vmId: stableGuid(`vm ${scope}/${own.name} ${generation}`) }),
      role: role.name,
      updateDomain: index % CLOUD_SERVICE_UPDATE_DOMAINS,
      faultDomain: index % CLOUD_SERVICE_FAULT_DOMAINS,
      zone: '',
    },
    // A fixed address belongs to the first deployment: two VMs cannot listen on it.
    metadata: suffix === '' ? role.metadata[index] : undefined,
    ...ofVm(role),
  };
}

function serviceOf(settings: FleetSettings): FleetService | undefined {
  const { cloudService, environment } = settings;
  if (cloudService === undefined) return undefined;
  const { name, publicAddress, stagingAddress, roles } = cloudService;
  return { name, publicAddress, stagingAddress, roles, environment };
}

function standAloneVms(settings: FleetSettings, scopes: Record<string, ScopeKind>): readonly FleetVm[] {
  return settings.vms.map((found) => {
    scopes[found.name] = 'stand-alone';
    return {
      vm: { ...identity(found.name, found.name), role: '', updateDomain: 0, faultDomain: 0, zone: found.zone },
      metadata: found.metadata,
      ...ofVm(found),
    };
  });
}

function availabilitySetVms(settings: FleetSettings, scopes: Record<string, ScopeKind>): readonly FleetVm[] {
  return settings.availabilitySets.flatMap((set) => {
    scopes[set.name] = 'availability-set';
    return set.vms.map((found, index) => ({
      vm: {
        ...identity(set.name, found.name),
        role: '',
        updateDomain: index % set.updateDomains,
        faultDomain: index % set.faultDomains,
        zone: found.zone,
      },
      metadata: found.metadata,
      ...ofVm(found),
    }));
  });
}

function scaleSetVms(settings: FleetSettings, scopes: Record<string, ScopeKind>): readonly FleetVm[] {
  return settings.scaleSets.flatMap((set) => {
    const isOwn = seesOwnEventsOnly(set);
    const common = ofVm(set);
    return Array.from({ length: set.instances }, (_, index) => ({
      vm: {
        ...identity(set.name, `${set.name}_${index}`),
        ...scaleSetScope(set.name, { name: `${set.name}_${index}`, isOwn, scopes }),
        role: '',
        updateDomain: index % set.updateDomains,
        faultDomain: index % set.faultDomains,
        zone: set.zones.length === 0 ? '' : (set.zones[index % set.zones.length] ?? ''),
      },
      metadata: set.metadata[index],
      ...common,
    }));
  });
}

/** A scope of its own, which is no other kind of scope by that; or that of the whole scale set. */
function scaleSetScope(
  scaleSet: string,
  of: { readonly name: string; readonly isOwn: boolean; readonly scopes: Record<string, ScopeKind> },
): Pick<Vm, 'scope' | 'scaleSet'> {
  const scope = of.isOwn ? of.name : scaleSet;
  of.scopes[scope] = 'scale-set';
  return of.isOwn ? { scope, scaleSet } : { scope };
}

function ofVm(
  found: Pick<FleetVm, 'ports' | 'run' | 'environment' | 'tags' | 'metadataAt'> & {
    readonly instance: FleetSettings['vms'][number]['instance'];
  },
): Omit<FleetVm, 'vm' | 'metadata'> {
  const { ports, run, environment, tags, metadataAt } = found;
  return { ports, run, environment, tags, metadataAt, profile: profileOf(found.instance) };
}

/** The vmId is made of the names, so that a fleet that is started again is the same fleet to its agents. */
function identity(scope: string, name: string): Pick<Vm, 'scope' | 'name' | 'vmId'> {
  return { scope, name, vmId: stableGuid(`vm ${scope}/${name}`) };
}

/** An upper-case GUID that is always the same for the same text. */
export function stableGuid(text: string): string {
  const hex = createHash('sha256').update(`forewarn ${text}`).digest('hex').toUpperCase();
  // The version and variant digits of a name-based UUID (RFC 9562, version 8).
  const text36 = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-A${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  // As one piece: of ten thousand, the pieces with the hashes they are cut from would be megabytes.
  return Buffer.from(text36, 'latin1').toString('latin1');
}

function balancingOf(settings: FleetSettings): FleetBalancing | undefined {
  const service = settings.cloudService;
  const role = service?.roles.find((candidate) => candidate.serves !== undefined);
  if (service?.publicAddress === undefined || role?.serves === undefined || role.probe === undefined) return undefined;
  const { port, path: probePath, interval, threshold } = role.probe;
  return {
    publicAddress: service.publicAddress,
    role: role.name,
    serves: role.serves,
    probe: { port, path: probePath, intervalMs: interval, threshold },
  };
}
