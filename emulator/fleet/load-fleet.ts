import path from 'node:path';
import type { z } from 'zod';
import type { Environment } from '../../common/runtime/environment.ts';
import { loadSettings, parseSettings } from '../../common/runtime/settings.ts';
import { checkControlAccess } from './control-schema.ts';
import { expandFleet, type Fleet } from './fleet.ts';
import { ownScopesOf, seesOwnEventsOnly } from './own-events.ts';
import { fleetSchema, type FleetSettings } from './fleet-schema.ts';

/** Reads a fleet file. Throws a `SettingsError` that names every problem. */
export async function loadFleet(file: string, environment: Environment): Promise<Fleet> {
  const absolute = path.resolve(file);
  return expandFleet(await loadSettings(absolute, checkedFleetSchema, environment), path.dirname(absolute));
}

/** A fleet from text in memory; `source.file` names it in messages, and its folder is where commands run. */
export function parseFleet(
  source: { readonly file: string; readonly text: string },
  environment: Environment = {},
): Fleet {
  return expandFleet(parseSettings(source, checkedFleetSchema, environment), path.dirname(path.resolve(source.file)));
}

/** Without a fleet file: one VM to be curious with. */
export function defaultFleet(workingFolder: string): Fleet {
  const text = 'host: none\nvms: [{ name: vm0, metadata: "127.0.0.1:7071" }]\n';
  return parseFleet({ file: path.join(workingFolder, 'no fleet file'), text });
}

/** What concerns the file as a whole: VMs, and names that must differ. */
const checkedFleetSchema = fleetSchema.superRefine((settings, context) => {
  const names = new Map<string, string>();
  const scopes = new Map<string, string>();
  const claim = (known: Map<string, string>, name: string, at: (string | number)[], what: string): void => {
    const key = name.toLowerCase();
    const where = at.join('.');
    const other = known.get(key);
    if (other === undefined) known.set(key, where);
    else {
      const message = `expected another name than ${JSON.stringify(name)}: ${what} ${other} has it, and case does not matter`;
      context.addIssue({ code: 'custom', path: at, message });
    }
  };
  for (const { name, at } of scopeNames(settings)) claim(scopes, name, at, 'the scope at');
  for (const { name, at } of vmNames(settings)) claim(names, name, at, 'the VM at');
  if (names.size === 0) {
    const message = 'expected at least one VM: a cloudService, vms, availabilitySets or scaleSets';
    context.addIssue({ code: 'custom', path: [], message });
  }
  for (const [index, name] of settings.rules.autoApprove.entries()) {
    if (scopeNames(settings).some((scope) => scope.name === name)) continue;
    const known = scopeNames(settings).map((scope) => scope.name);
    const message = `expected the name of a scope (${known.join(', ')}), got ${JSON.stringify(name)}`;
    context.addIssue({ code: 'custom', path: ['rules', 'autoApprove', index], message });
  }
  checkControlAccess(settings, context);
  checkNetwork(settings, context);
  checkCommands(settings, context);
  checkPublicAddress(settings, context);
});

/** Only a VM that is processes of this machine can be put into a network of its own. */
function checkNetwork(settings: FleetSettings, context: z.core.$RefinementCtx): void {
  checkMetadataPlaces(settings, context);
  if (settings.network === 'loopback' || settings.host === 'process') return;
  const message = `expected namespaces only beside host: process; the host is ${settings.host}`;
  context.addIssue({ code: 'custom', path: ['network'], message });
}

/** Elsewhere a VM is told its own address, and has no DHCP of its own. */
function checkMetadataPlaces(settings: FleetSettings, context: z.core.$RefinementCtx): void {
  if (settings.network === 'namespaces') return;
  const vms = [
    ...(settings.cloudService?.roles ?? []).map((role, index) => ({ ...role, at: ['cloudService', 'roles', index] })),
    ...settings.vms.map((vm, index) => ({ ...vm, at: ['vms', index] })),
    ...settings.availabilitySets.flatMap((set, index) =>
      set.vms.map((vm, member) => ({ ...vm, at: ['availabilitySets', index, 'vms', member] })),
    ),
    ...settings.scaleSets.map((set, index) => ({ ...set, at: ['scaleSets', index] })),
  ];
  for (const { metadataAt, at } of vms) {
    if (!metadataAt.includes('dhcp')) continue;
    const message = 'expected dhcp only beside network: namespaces: only there a VM has leases of its own';
    context.addIssue({ code: 'custom', path: [...at, 'metadataAt'], message });
  }
}

/** Commands that nobody would run are a mistake, and so is a host without any. */
function checkCommands(settings: FleetSettings, context: z.core.$RefinementCtx): void {
  const isWanted = settings.host === 'command';
  if (isWanted === (settings.commands !== undefined)) return;
  const message = isWanted
    ? 'expected commands beside host: command, like { freeze: [virsh, suspend, "{vm}"] }'
    : `expected only beside host: command; the host is ${settings.host}`;
  context.addIssue({ code: 'custom', path: ['commands'], message });
}

interface Named {
  readonly name: string;
  readonly at: (string | number)[];
}

function scopeNames(settings: FleetSettings): readonly Named[] {
  const service = settings.cloudService;
  return [
    ...(service === undefined ? [] : [{ name: service.name, at: ['cloudService', 'name'] }]),
    ...settings.availabilitySets.map((set, index) => ({ name: set.name, at: ['availabilitySets', index, 'name'] })),
    ...settings.scaleSets.flatMap((set, index) =>
      [set.name, ...(seesOwnEventsOnly(set) ? ownScopesOf(set) : [])].map((name) => ({
        name,
        at: ['scaleSets', index, 'name'],
      })),
    ),
    ...settings.vms.map((vm, index) => ({ name: vm.name, at: ['vms', index, 'name'] })),
  ];
}

function vmNames(settings: FleetSettings): readonly Named[] {
  return [
    ...(settings.cloudService?.roles ?? []).flatMap((role, index) =>
      Array.from({ length: role.instances }, (_, instance) => ({
        name: `${role.name}_IN_${instance}`,
        at: ['cloudService', 'roles', index, 'name'],
      })),
    ),
    ...settings.vms.map((vm, index) => ({ name: vm.name, at: ['vms', index, 'name'] })),
    ...settings.availabilitySets.flatMap((set, index) =>
      set.vms.map((vm, member) => ({ name: vm.name, at: ['availabilitySets', index, 'vms', member, 'name'] })),
    ),
    ...settings.scaleSets.flatMap((set, index) =>
      Array.from({ length: set.instances }, (_, instance) => ({
        name: `${set.name}_${instance}`,
        at: ['scaleSets', index, 'name'],
      })),
    ),
  ];
}

/** The public address and the role behind it only make sense together; one role, because the address is one. */
function checkPublicAddress(settings: FleetSettings, context: z.core.$RefinementCtx): void {
  const service = settings.cloudService;
  if (service === undefined) return;
  const serving = service.roles.flatMap((role, index) => (role.serves === undefined ? [] : [index]));
  const [first, second] = serving;
  if (service.publicAddress !== undefined && first === undefined) {
    const message = 'expected a role of kind web with serves and probe behind it, found none';
    context.addIssue({ code: 'custom', path: ['cloudService', 'publicAddress'], message });
  }
  if (service.publicAddress === undefined && first !== undefined) {
    const message = 'expected cloudService.publicAddress beside it: the address that the role is balanced behind';
    context.addIssue({ code: 'custom', path: ['cloudService', 'roles', first, 'serves'], message });
  }
  if (second !== undefined) {
    const message = 'expected only one role with serves: there is one public address';
    context.addIssue({ code: 'custom', path: ['cloudService', 'roles', second, 'serves'], message });
  }
}
