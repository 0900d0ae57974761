import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator } from '../../emulator/start-emulator.ts';
import { startForewarn, startProgram, type RunningProgram } from '../support/program.ts';
import { median, quantile, type Figure } from './figures.ts';

const VMS = 6;
const ROUNDS = 8;
/** An approved event stays Scheduled for long enough to be seen by both pollers, is over soon after, and believed so. */
const START_AFTER_APPROVAL_MS = 1500;
const ROUND_MS = 7000;
/** What the agent promises: it sees an event at its next poll, and the drain begins with it. */
const PROMISED_MS = 1000 + 20;

/**
 * From an event's appearance in the document to the start of the drain, by an agent that polls once a second; beside it a
 * minimal program that polls the same VM's endpoint as often and does nothing else.
 */
export async function measureDetectionDelay(): Promise<Figure> {
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-bench-'));
  const names = Array.from({ length: VMS }, (_, index) => `vm${index}`);
  const text = `control: 127.0.0.1:0
impact: { startAfterApproval: ${START_AFTER_APPROVAL_MS}ms, rebootAtLeast: 100ms, lingerAfterImpact: 100ms }
vms: [${names.map((name) => `{ name: ${name} }`).join(', ')}]
`;
  const emulator = await startEmulator({
    fleet: parseFleet({ file: 'fleet.yaml', text }),
    environment: {},
    programs: { node: process.execPath, forewarn: [] },
  });
  const agents: RunningProgram[] = [];
  const pollers: RunningProgram[] = [];
  try {
    for (const { name, metadata } of emulator.vms) {
      const config = path.join(folder, `${name}.yaml`);
      writeFileSync(
        config,
        `metadata: { endpoint: "${metadata}" }\nstate: ./${name}\nsocket: ./${name}.sock\nevents: { absentFor: 1s }\n`,
      );
      agents.push(await startForewarn(['agent', '--config', config]));
      const url = `${metadata}/metadata/scheduledevents?api-version=2020-07-01`;
      pollers.push(await startProgram([path.join(import.meta.dirname, 'bare-poller.mjs'), url]));
    }
    await sleep(2000);
    const appeared = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      // At another phase of the pollers' second each time.
      await sleep((round / ROUNDS) * 1000);
      for (const name of names) {
        const atMs = Date.now();
        const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: [name], noticeMs: 60_000 });
        appeared.set(eventId, atMs);
      }
      await sleep(ROUND_MS);
    }
    const ours = agents.flatMap((agent) => delays(agent, 'drain.started', appeared));
    const limit = pollers.flatMap((poller) => delays(poller, 'event.seen', appeared));
    return {
      name: `From an event's appearance to the start of the drain, polling once a second (${ours.length} events)`,
      ours: describe(ours),
      limit: `p99 ${PROMISED_MS} ms is promised; ${describe(limit)} (${limit.length} events, a program that only polls)`,
      ratio: `${(quantile(ours, 0.99) / PROMISED_MS).toFixed(2)} of the promise at p99, ${(quantile(ours, 0.99) / quantile(limit, 0.99)).toFixed(2)} of the other program`,
      isKept: quantile(ours, 0.99) <= PROMISED_MS,
    };
  } finally {
    for (const program of [...agents, ...pollers]) await program.stop();
    await emulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function describe(values: readonly number[]): string {
  return `p50 ${Math.round(median(values))} ms, p99 ${Math.round(quantile(values, 0.99))} ms`;
}

/** How long after its appearance a program told of each event. */
function delays(program: RunningProgram, message: string, appeared: ReadonlyMap<string, number>): number[] {
  return program
    .output()
    .split('\n')
    .flatMap((line) => {
      const entry = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {};
      const appearedMs = appeared.get(String(entry['event_id']));
      if (entry['msg'] !== message || appearedMs === undefined) return [];
      return [Number(entry['atMs'] ?? Date.parse(String(entry['time']))) - appearedMs];
    });
}
