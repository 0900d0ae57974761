import { connect } from 'node:net';
import { systemErrorCode } from '../../common/runtime/errors.ts';
import type { AgentSettings } from '../settings.ts';
import { ok, unknown, wrong, type Finding } from './finding.ts';

/** On the same network a connection takes milliseconds. */
const TIMEOUT_MS = 3000;

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'ws:': 80, 'https:': 443, 'wss:': 443 };

/** Can those be reached without whom nobody approves an event that names several VMs? */
export async function checkCoordinator(settings: AgentSettings): Promise<readonly Finding[]> {
  const { scheduler, coordinator } = settings;
  if (scheduler === undefined && coordinator === undefined)
    return [
      unknown(
        'coordinator',
        'none is set',
        'events that name several VMs are then left to NotBefore (setting scheduler)',
      ),
    ];
  const findings = await Promise.all(
    (scheduler?.url ?? []).map(async (url): Promise<Finding> => {
      const failure = await tryConnect(new URL(url));
      return failure === undefined
        ? ok(`scheduler ${url}`, 'takes connections')
        : wrong(
            `scheduler ${url}`,
            failure,
            'check the address, the firewall, and that the scheduler runs; until then nobody approves for several VMs',
          );
    }),
  );
  if (coordinator !== undefined)
    findings.push(
      unknown(
        `coordinator ${coordinator.kind}`,
        'only the agent talks to it',
        'forewarn agent status says whether it is ready',
      ),
    );
  return findings;
}

async function tryConnect(url: URL): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port) || (DEFAULT_PORTS[url.protocol] ?? 80),
    });
    const finish = (failure: string | undefined): void => {
      socket.destroy();
      resolve(failure);
    };
    socket.setTimeout(TIMEOUT_MS, () => {
      finish(`no connection within ${TIMEOUT_MS} ms`);
    });
    socket.on('connect', () => {
      finish(undefined);
    });
    socket.on('error', (error) => {
      finish(systemErrorCode(error) ?? error.message);
    });
  });
}
