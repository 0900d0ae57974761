import type { Fleet } from '../fleet/fleet.ts';
import { createPlatform, type PlatformState } from '../platform/state.ts';
import type { KeptParts } from './kept-parts.ts';
import { restoreState } from './saved-state.ts';
import { openStateFile } from './state-file.ts';

/** Where one part of the emulator keeps what it must not lose. */
export interface KeptPart<Part> {
  /** As an earlier run left it; undefined when there was none, or nothing is kept. */
  readonly found: Part | undefined;
  /** From now on every write asks for it. */
  provide(part: () => Part | undefined): void;
  /** Writes everything now. Throws a `UserError` (`STATE_NOT_KEPT`), and then the file is as it was. */
  save(): void;
}

/** What an emulator must not lose, in one file; without a file every part begins anew, and nothing is written. */
export interface StateKeeper {
  part<Name extends keyof KeptParts>(name: Name): KeptPart<KeptParts[Name]>;
  /** The fleet without the VMs that a user has deleted. */
  withoutRemoved(fleet: Fleet): Fleet;
  /** What the platform begins with over the VMs of `fleet`; it is written at once. Throws as `save` does. */
  begin(fleet: Fleet, now: number): PlatformState;
  /** Keeps the platform's new state, and every part as it is now. */
  keep(state: PlatformState): void;
}

export function createStateKeeper(file: string | undefined): StateKeeper {
  const stateFile = file === undefined ? undefined : openStateFile(file);
  const saved = stateFile?.read();
  let parts: { readonly [Name in keyof KeptParts]: () => KeptParts[Name] } = partsOf(saved?.parts ?? {});
  let fileVms: readonly string[] = [];
  let last: PlatformState | undefined;

  const write = (state: PlatformState): void => {
    stateFile?.write(state, {
      removedVms: fileVms.filter((name) => !state.vms.has(name)),
      parts: {
        addresses: parts.addresses?.(),
        service: parts.service?.(),
        maintenance: parts.maintenance?.(),
        faults: parts.faults?.(),
        operations: parts.operations?.(),
        authority: parts.authority?.(),
        tokenKey: parts.tokenKey?.(),
      },
    });
  };
  return {
    part: (name) => ({
      found: saved?.parts[name],
      provide: (part) => {
        parts = { ...parts, [name]: part };
      },
      save: () => {
        if (last !== undefined) write(last);
      },
    }),
    withoutRemoved: (fleet) => {
      // Instances of the cloud service come and go by its deployments, which are kept as such.
      const own = fleet.vms.filter(({ vm }) => fleet.scopes[vm.scope] !== 'cloud-service');
      fileVms = own.map(({ vm }) => vm.name.toLowerCase());
      const removed = new Set(saved?.removedVms);
      return { ...fleet, vms: fleet.vms.filter(({ vm }) => !removed.has(vm.name.toLowerCase())) };
    },
    begin: (fleet, now) => {
      const vms = fleet.vms.map((found) => found.vm);
      const fresh = createPlatform(vms, fleet.scopes, fleet.platform);
      last = saved === undefined ? fresh : restoreState(fresh, saved, now);
      // At once: a document that lost an event with its VM has its new number for ever, whatever the fleet file says next.
      write(last);
      return last;
    },
    keep: (state) => {
      write(state);
      last = state;
    },
  };
}

/** A part that nobody has provided yet is written as it was found. */
function partsOf(found: KeptParts): { readonly [Name in keyof KeptParts]: () => KeptParts[Name] } {
  return {
    addresses: () => found.addresses,
    service: () => found.service,
    maintenance: () => found.maintenance,
    faults: () => found.faults,
    operations: () => found.operations,
    authority: () => found.authority,
    tokenKey: () => found.tokenKey,
  };
}
