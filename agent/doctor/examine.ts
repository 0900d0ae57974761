import { getuid } from 'node:process';
import { request } from 'node:http';
import path from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError, UserError } from '../../common/runtime/errors.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { requestJson } from '../../common/runtime/http-json.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { openDrains } from '../drain/open-drains.ts';
import { listHooks } from '../hooks/list-hooks.ts';
import { loadAgentSettings, type AgentSettings } from '../settings.ts';
import { checkCoordinator } from './check-coordinator.ts';
import { checkDrains, checkGate, checkNotice } from './check-drains.ts';
import { checkMetadata } from './check-metadata.ts';
import { agentUserId, checkPlaces } from './check-places.ts';
import { checkPrivileged } from './check-privileged.ts';
import { checkPrograms } from './check-programs.ts';
import { ok, unknown, warning, wrong, type Finding } from './finding.ts';

/** An agent or a probe that takes longer to answer does not work as it should. */
const TIMEOUT_MS = 3000;

const statusSchema = z.object({
  name: z.string(),
  inRotation: z.boolean(),
  coordinator: z.string(),
  warnings: z.array(z.string()),
});

/**
 * Looks at everything that an agent with these settings depends on, and changes nothing. Works with and without a running
 * agent; one check that fails does not keep the others from being made.
 */
export async function examine(
  file: string,
  tools: { readonly clock: Clock; readonly environment: Environment },
): Promise<readonly Finding[]> {
  let settings: AgentSettings;
  try {
    settings = await loadAgentSettings(file, tools.environment);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const lines = error.message.split('\n');
    return lines.map((line) =>
      wrong('settings', line, 'mend the file; forewarn agent config --check FILE looks at nothing else'),
    );
  }
  const userId = await agentUserId(settings.state, getuid?.() ?? 0);
  const agent = await checkAgent(settings.socket);
  const groups = await Promise.all([
    attempt('metadata', async () => await checkMetadata(settings, tools)),
    attempt('state', async () => await checkPlaces(settings)),
    attempt('hooks', async () => await checkPrograms(settings, userId)),
    attempt('privileged', async () => await checkPrivileged(settings)),
    attempt('balancers', async () => await checkBalancers(settings, tools)),
    attempt('gate', async () => await checkGate(settings.gate, agent.rotation, askGate)),
    attempt('coordinator', async () => await checkCoordinator(settings)),
    attempt('notice', async () => [checkNotice(settings, await countGatingHooks(settings))]),
  ]);
  return [ok('settings', file), ...agent.findings, ...groups.flat()];
}

async function attempt(check: string, look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [wrong(check, describeError(error), error instanceof UserError ? (error.hint ?? '') : 'see the message')];
  }
}

async function checkAgent(
  socket: string,
): Promise<{ readonly rotation: 'in' | 'out' | 'absent'; readonly findings: readonly Finding[] }> {
  try {
    const answer = await requestJson(
      { kind: 'socket', path: socket },
      { method: 'GET', path: '/status', timeoutMs: TIMEOUT_MS },
      { what: 'agent', option: '--config' },
    );
    if (answer.status !== 200)
      return {
        rotation: 'out',
        findings: [wrong('agent', 'it runs and does not know yet which VM it is on', 'see metadata below')],
      };
    const status = statusSchema.parse(answer.body);
    const coordinator =
      status.coordinator === 'disconnected'
        ? [
            wrong(
              'agent',
              'it has no connection to its coordinator',
              'its log says why: journalctl -u forewarn-agent -p warning',
            ),
          ]
        : [];
    return {
      rotation: status.inRotation ? 'in' : 'out',
      findings: [
        ok('agent', `runs for ${status.name}, ${status.inRotation ? 'in' : 'out of'} rotation`),
        ...coordinator,
        ...status.warnings.map((text) => wrong('agent', text, 'see the other findings, and its log')),
      ],
    };
  } catch (error) {
    const isThere = !(error instanceof UserError && error.code === 'SERVER_UNREACHABLE');
    if (isThere)
      return { rotation: 'out', findings: [wrong('agent', describeError(error), 'is it of another version?')] };
    return {
      rotation: 'absent',
      findings: [warning('agent', `none answers at ${socket}`, 'systemctl start forewarn-agent')],
    };
  }
}

/** Everything but the gate, whose port the running agent has. */
async function checkBalancers(
  settings: AgentSettings,
  tools: { readonly clock: Clock; readonly environment: Environment },
): Promise<readonly Finding[]> {
  const done = new AbortController();
  const drains = await openDrains({ ...settings, gate: undefined }, { ...tools, log: silentLog, signal: done.signal });
  try {
    const findings = await checkDrains(drains.drains.filter((drain) => drain.name !== 'memory of the rotation'));
    if (findings.length > 0 || settings.gate !== undefined) return findings;
    return [
      unknown('balancers', 'none is set', 'without a gate or a balancer no traffic is turned away (README, On a VM)'),
    ];
  } finally {
    done.abort();
    await drains.close();
  }
}

async function countGatingHooks(settings: AgentSettings): Promise<number> {
  if (settings.hooks === undefined) return 0;
  const { folder } = settings.hooks;
  const lists = await Promise.all(['prepare', 'ready'].map(async (phase) => await listHooks(path.join(folder, phase))));
  return lists.reduce((sum, list) => sum + (typeof list === 'string' ? 0 : list.length), 0);
}

async function askGate(url: string): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const outgoing = request(url, { agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) });
    outgoing.on('error', () => {
      resolve(undefined);
    });
    outgoing.on('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.end();
  });
}
