import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { seededRandom } from '../../common/runtime/random.ts';
import { startForewarn, type RunningProgram } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROUNDS = 5;
/** Least that a round does before the kill, so that a kill finds something. */
const MOST_STEPS = 30;

interface Known {
  /** EventId of every event that was acknowledged, with the VM that approved it, where that was acknowledged too. */
  readonly events: Map<string, { isApproved: boolean; isCancelled: boolean }>;
  /** Every document that was seen, by its number. */
  readonly documents: Map<number, string>;
}

/** What the operator has been told of the rest, the last answer of each. */
interface Told {
  instances: number;
  faults: number;
  maintenance: readonly string[];
  operations: string[];
}

interface Ready {
  readonly control: string;
  readonly vms: readonly { readonly metadata: string }[];
  readonly compute: { readonly url: string; readonly caFile: string };
}

async function look(metadata: string, known: Known): Promise<void> {
  const answer = await fetch(`${metadata}/metadata/scheduledevents?api-version=2020-07-01`, {
    headers: { Metadata: 'true' },
  });
  const text = await answer.text();
  expect(answer.status).toBe(200);
  const { DocumentIncarnation } = JSON.parse(text) as { DocumentIncarnation: number };
  expect(known.documents.get(DocumentIncarnation) ?? text).toBe(text);
  known.documents.set(DocumentIncarnation, text);
}

async function step({ control, vms }: Ready, known: Known, choice: number): Promise<void> {
  const metadata = vms[0]?.metadata ?? '';
  const headers = { 'content-type': 'application/json', 'x-forewarn': 'true', Metadata: 'true' };
  const open = [...known.events].filter(([, event]) => !event.isApproved && !event.isCancelled).map(([id]) => id);
  const target = open[Math.floor(choice * 7919) % Math.max(1, open.length)];
  if (choice < 0.4 || target === undefined) {
    const body = JSON.stringify({ type: 'Reboot', resources: ['vm0'], noticeMs: 3_600_000 });
    const made = await fetch(`${control}/events`, { method: 'POST', headers, body });
    expect(made.status).toBe(201);
    known.events.set(((await made.json()) as { eventId: string }).eventId, { isApproved: false, isCancelled: false });
  } else if (choice < 0.7) {
    const body = JSON.stringify({ StartRequests: [{ EventId: target }] });
    const url = `${metadata}/metadata/scheduledevents?api-version=2020-07-01`;
    const approved = await fetch(url, { method: 'POST', headers, body });
    if (approved.status === 200) known.events.set(target, { isApproved: true, isCancelled: false });
  } else {
    const done = await fetch(`${control}/events/${target}/cancel`, { method: 'POST', headers });
    if (done.status === 204) known.events.set(target, { isApproved: false, isCancelled: true });
  }
  await look(metadata, known);
}

/** Everything that was acknowledged is there. */
async function verify({ control }: Ready, known: Known): Promise<void> {
  const { events } = (await (await fetch(`${control}/events`)).json()) as {
    events: { eventId: string; state: string; approvals: { by: string }[] }[];
  };
  const found = new Map(events.map((event) => [event.eventId, event]));
  for (const [id, { isApproved, isCancelled }] of known.events) {
    expect(found.has(id), `event ${id}`).toBe(true);
    if (isApproved) expect(found.get(id)?.approvals).toMatchObject([{ by: 'vm0' }]);
    if (isCancelled) expect(found.get(id)?.state).toBe('cancelled');
  }
}

const headers = { 'content-type': 'application/json', 'x-forewarn': 'true' };

async function ask<Answer>(url: string, method = 'GET', body?: object): Promise<Answer> {
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  expect(answer.status, `${method} ${url}`).toBeLessThan(300);
  const text = await answer.text();
  return (text === '' ? {} : JSON.parse(text)) as Answer;
}

async function compute(ready: Ready, ca: string, method: string, target: string): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const options = { method, ca, headers: { authorization: 'Bearer x' }, agent: false };
    const outgoing = request(new URL(`${target}api-version=1`, ready.compute.url), options, (response) => {
      response.resume();
      response.on('end', () => {
        resolve(response);
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** One change of what is not an event, acknowledged. */
async function change(ready: Ready, told: Told, { choice, ca }: { choice: number; ca: string }): Promise<void> {
  const { control } = ready;
  if (choice < 0.25) {
    const instances = 1 + Math.floor(choice * 16);
    await ask(`${control}/service/scale`, 'POST', { role: 'Front', instances });
    told.instances = instances;
  } else if (choice < 0.5) {
    await ask(`${control}/faults`, 'POST', { kind: 'latency', vm: choice < 0.4 ? 'Front_IN_0' : 'vm1', latencyMs: 1 });
    told.faults = (await ask<{ faults: [] }>(`${control}/faults`)).faults.length;
  } else if (choice < 0.75) {
    const body = { target: 'vm1', by: 'update-domain', type: 'Freeze', noticeMs: 3_600_000 };
    const begun = await ask<{ id: string }>(`${control}/maintenance`, 'POST', body);
    if (choice < 0.6) await ask(`${control}/maintenance/${begun.id}/cancel`, 'POST');
    told.maintenance = [...told.maintenance, `${begun.id} ${choice < 0.6 ? 'cancelled' : 'under-way'}`];
  } else {
    const path = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1/restart?';
    const answer = await compute(ready, ca, 'POST', path);
    expect(answer.statusCode).toBe(202);
    const operation = new URL(String(answer.headers['azure-asyncoperation']));
    told.operations.push(`${operation.pathname}?`);
  }
}

async function verifyTold(ready: Ready, told: Told, ca: string): Promise<void> {
  const { control } = ready;
  const { slots } = await ask<{ slots: { roles: { instances: number }[] }[] }>(`${control}/service`);
  expect(slots[0]?.roles[0]?.instances).toBe(told.instances);
  expect((await ask<{ faults: [] }>(`${control}/faults`)).faults.length).toBe(told.faults);
  const { maintenance } = await ask<{ maintenance: { id: string; state: string }[] }>(`${control}/maintenance`);
  expect(maintenance.map(({ id, state }) => `${id} ${state}`)).toEqual(told.maintenance);
  for (const path of told.operations) expect((await compute(ready, ca, 'GET', path)).statusCode).toBe(200);
}

describe('forewarn emulator --state', () => {
  it('loses nothing acknowledged by kill -9, and never gives one number to two documents', async () => {
    const seed = Date.now() % 2 ** 31;
    const random = seededRandom(seed);
    const folder = temporaryFolder();
    const fleet = path.join(folder, 'fleet.yaml');
    writeFileSync(
      fleet,
      'control: 127.0.0.1:0\nhost: none\nimpact: { startAfterApproval: 24h }\nmetadata: { requestsPerSecond: 0 }\nvms: [{ name: vm0 }]\n',
    );
    const known: Known = { events: new Map(), documents: new Map() };
    let program: RunningProgram | undefined;
    onTestFinished(async () => {
      await program?.stop('SIGKILL');
    });
    for (let round = 0; round < ROUNDS; round++) {
      program = await startForewarn(['emulator', '--fleet', fleet, '--state', path.join(folder, 'state.json')]);
      const ready = program.ready as unknown as Ready;
      await look(ready.vms[0]?.metadata ?? '', known);
      await verify(ready, known);
      const { child } = program;
      const steps = 1 + Math.floor(random.fraction() * MOST_STEPS);
      for (let done = 0; done < steps; done++) await step(ready, known, random.fraction());
      // The last one is cut off in the middle: whether it happened is open, but not whether what came before did.
      const cut = step(ready, { events: new Map(known.events), documents: known.documents }, 0).catch(() => {});
      child.kill('SIGKILL');
      await cut;
      await program.stop('SIGKILL');
    }
    expect(known.events.size, `seed ${seed}`).toBeGreaterThan(ROUNDS);
  });

  it('loses no scaling, fault, maintenance or operation by kill -9, and its authority stays the same', async () => {
    const seed = Date.now() % 2 ** 31;
    const random = seededRandom(seed);
    const folder = temporaryFolder();
    const fleet = path.join(folder, 'fleet.yaml');
    writeFileSync(
      fleet,
      `control: 127.0.0.1:0
compute: { listen: "127.0.0.1:0", caFile: ca.pem }
host: none
metadata: { requestsPerSecond: 0 }
vms: [{ name: vm1 }]
cloudService: { name: shop, roles: [{ name: Front, kind: web, instances: 2 }] }
`,
    );
    const told: Told = { instances: 2, faults: 0, maintenance: [], operations: [] };
    let program: RunningProgram | undefined;
    let ca: string | undefined;
    onTestFinished(async () => {
      await program?.stop('SIGKILL');
    });
    for (let round = 0; round < ROUNDS; round++) {
      program = await startForewarn(['emulator', '--fleet', fleet, '--state', path.join(folder, 'state.json')]);
      const ready = program.ready as unknown as Ready;
      ca ??= readFileSync(ready.compute.caFile, 'utf8');
      await verifyTold(ready, told, ca);
      const steps = 1 + Math.floor(random.fraction() * MOST_STEPS);
      for (let done = 0; done < steps; done++) await change(ready, told, { choice: random.fraction(), ca });
      await program.stop('SIGKILL');
    }
    expect(told.maintenance.length + told.operations.length, `seed ${seed}`).toBeGreaterThan(0);
  });
});
