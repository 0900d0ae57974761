import type { Clock } from '../../common/runtime/clock.ts';
import type { Host, HostReport } from './host.ts';

const BY_NAME = 'by name only: this emulator does not run the VM';

/** The host of VMs that are somebody else's: impacts only pass time. */
export function createNoneHost(clock: Clock, report: (found: HostReport) => void): Host {
  const stopping = new AbortController();
  return {
    start: async () => {},
    add: async ({ name }) => {
      report({ kind: 'vm.booted', vm: name, eventId: undefined, detail: BY_NAME });
    },
    remove: async (vm) => {
      report({ kind: 'vm.gone', vm, eventId: undefined, detail: BY_NAME });
    },
    stop: async (vm) => {
      report({ kind: 'vm.gone', vm, eventId: undefined, detail: BY_NAME });
    },
    impact: async (impact) => {
      const { vm, eventId, durationMs } = impact;
      const detail = BY_NAME;
      switch (impact.type) {
        case 'Freeze':
          if (durationMs === 0) return;
          report({ kind: 'vm.frozen', vm, eventId, detail });
          if (await clock.sleep(durationMs, stopping.signal)) report({ kind: 'vm.thawed', vm, eventId, detail });
          return;
        case 'Reboot':
        case 'Redeploy':
          report({ kind: 'vm.killed', vm, eventId, detail });
          if (await clock.sleep(durationMs, stopping.signal)) report({ kind: 'vm.booted', vm, eventId, detail });
          return;
        case 'Preempt':
        case 'Terminate':
          report({ kind: 'vm.gone', vm, eventId, detail });
          return;
        default:
          impact.type satisfies never;
      }
    },
    close: async () => {
      stopping.abort();
    },
  };
}
