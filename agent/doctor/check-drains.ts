import { formatDuration } from '../../common/runtime/duration.ts';
import { describeError } from '../../common/runtime/errors.ts';
import { formatAddress, type ListenAddress } from '../../common/runtime/listen.ts';
import type { Drain } from '../drain/drain.ts';
import type { AgentSettings } from '../settings.ts';
import { ok, unknown, warning, wrong, type Finding } from './finding.ts';

/** The shortest notice of each type of event (Azure docs, Scheduled Events, "Event scheduling"; Terminate as configured, at least 5 min). */
const NOTICES_MS = { Preempt: 30_000, Terminate: 300_000, Redeploy: 600_000, 'Freeze or Reboot': 900_000 } as const;

/** Can everything that sends traffic here be asked? Only looks; nothing is turned away. */
export async function checkDrains(drains: readonly Drain[]): Promise<readonly Finding[]> {
  return await Promise.all(
    drains.map(async (drain): Promise<Finding> => {
      try {
        const { detail } = await drain.read();
        return ok(`balancer ${drain.name}`, detail);
      } catch (error) {
        return wrong(
          `balancer ${drain.name}`,
          describeError(error),
          'what cannot be read counts as traffic, so no drain is ever proven: check that it runs, the path, and the rights of the agent',
        );
      }
    }),
  );
}

/**
 * The probe of the balancers, asked as they ask it. `ask` resolves with the status, or undefined when nobody answers. `agent` is
 * whether the running agent has the VM in rotation; absent: none runs.
 */
export async function checkGate(
  gate:
    | { readonly listen: ListenAddress; readonly applicationProbe?: { readonly url: string } | undefined }
    | undefined,
  agent: 'in' | 'out' | 'absent',
  ask: (url: string) => Promise<number | undefined>,
): Promise<readonly Finding[]> {
  if (gate === undefined) return [];
  const { host, port } = gate.listen;
  const isRunning = agent !== 'absent';
  const own = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const where = formatAddress({ host: own, port });
  if (port === 0)
    return [unknown('gate', 'its port is chosen at the start', 'give gate.listen the port that balancers probe')];
  const status = await ask(`http://${where}/`);
  if (status === undefined)
    return isRunning
      ? [wrong('gate', `nobody answers at ${where} although the agent runs`, 'restart the agent; its log says why')]
      : [unknown('gate', `nobody answers at ${where}`, 'it opens with the agent')];
  if (agent === 'in' && status >= 400)
    return [
      wrong(
        'gate',
        `${where} answers ${status} although the agent has the VM in rotation: balancers send it nothing`,
        `the application has to answer ${gate.applicationProbe?.url ?? 'its probe'} first (setting gate.applicationProbe)`,
      ),
    ];
  return [
    isRunning
      ? ok('gate', `${where} answers ${status}`)
      : warning(
          'gate',
          `${where} answers ${status}, but no agent runs`,
          'another program has the port: stop it, or change gate.listen',
        ),
  ];
}

/** Does what has to be done fit into the notice that there is? `hooks` is the number of gating hooks. */
export function checkNotice(settings: AgentSettings, hooks: number): Finding {
  const detectionMs = settings.gate?.detection ?? 0;
  const hooksMs = hooks * (settings.hooks?.timeout ?? 0);
  const needMs = settings.metadata.poll + detectionMs + hooksMs;
  const text = `${formatDuration(needMs)} at worst before traffic can be gone: detection ${formatDuration(detectionMs)}, ${hooks} gating hooks ${formatDuration(hooksMs)}`;
  const tooShort = Object.entries(NOTICES_MS).filter(([, noticeMs]) => needMs >= noticeMs);
  if (tooShort.length === 0) return ok('notice', text);
  const types = tooShort.map(([type, noticeMs]) => `${type} (${formatDuration(noticeMs)})`).join(', ');
  const mend = 'probe more often with a lower threshold and lower gate.detection, and shorten hooks.timeout';
  const isOnlyPreempt = tooShort.length === 1;
  // Only Spot VMs are preempted.
  return isOnlyPreempt
    ? warning('notice', `${text}; longer than the notice of ${types}`, `on a Spot VM: ${mend}`)
    : wrong('notice', `${text}; longer than the notice of ${types}`, mend);
}
