import { readFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runForewarn, startForewarn } from '../support/program.ts';
import { emulate, letGo, startAgent } from './agent-rig.ts';

const WITHIN = { timeout: 20_000, interval: 100 } as const;

describe("the operator's commands", () => {
  it('drain the VM with proof, bring it back, and tell what is seen', async () => {
    const emulator = await emulate(['web1']);
    const agent = await startAgent(emulator, 'web1', { folder: temporaryFolder() });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    letGo(agent);
    const socket = ['--socket', path.join(agent.folder, 'agent.sock')];
    const drained = await runForewarn(['agent', 'drain', '--reason', 'kernel', '--wait', '20s', '--json', ...socket]);
    expect(drained).toMatchObject({ status: 0 });
    expect(JSON.parse(drained.output)).toMatchObject({ proven: true });
    expect(await agent.gate()).toBe(503);
    expect((await runForewarn(['agent', 'status', ...socket])).output).toContain(
      'because: maintenance operator: kernel',
    );
    expect(await runForewarn(['agent', 'restore', ...socket])).toMatchObject({ status: 0 });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    expect((await runForewarn(['agent', 'restore', ...socket])).output).toContain('nothing to end');
    const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 60_000 });
    await expect
      .poll(async () => (await runForewarn(['agent', 'events', ...socket])).output, WITHIN)
      .toContain(eventId);
  });

  it('keep the VM in service when its operator withdraws before anybody means to approve', async () => {
    const emulator = await emulate(['web1']);
    const agent = await startAgent(emulator, 'web1', { folder: temporaryFolder() });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    const socket = ['--socket', path.join(agent.folder, 'agent.sock')];
    const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 60_000 });
    await expect.poll(agent.gate, WITHIN).toBe(503);
    expect(await runForewarn(['agent', 'withdraw', eventId, ...socket])).toMatchObject({ status: 0 });
    letGo(agent);
    await expect.poll(agent.gate, WITHIN).toBe(200);
    expect(emulator.operations.events()[0]).toMatchObject({ state: 'scheduled', approvals: [] });
    const unknown = await runForewarn(['agent', 'withdraw', 'ABC', ...socket]);
    expect(unknown).toMatchObject({ status: 1, output: expect.stringContaining('no event of this id names this VM') });
  });
});

describe('a dry run beside the real agent', () => {
  it('says what it would do and does none of it', async () => {
    const emulator = await emulate(['web1']);
    const folder = temporaryFolder();
    const agent = await startAgent(emulator, 'web1', { folder });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    const journal = path.join(agent.folder, 'state', 'journal');
    await agent.program.stop('SIGTERM');
    const before = existsSync(journal) ? readFileSync(journal, 'utf8') : '';
    const dry = await startForewarn(['agent', '--config', path.join(agent.folder, 'agent.yaml'), '--dry-run']);
    onTestFinished(async () => {
      await dry.stop('SIGKILL');
    });
    emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 60_000 });
    await expect.poll(() => dry.output(), WITHIN).toContain('dry run: would approve this event');
    expect(dry.output()).toContain('dry run: would run the hooks');
    expect(dry.ready['gate']).toBeUndefined();
    expect(emulator.operations.events()[0]).toMatchObject({ state: 'scheduled', approvals: [] });
    expect(existsSync(journal) ? readFileSync(journal, 'utf8') : '').toBe(before);
    expect(await dry.stop('SIGTERM')).toBe(0);
  });
});

describe('the doctor', () => {
  it('finds an agent well, and without a running one says what is wrong and how to mend it', async () => {
    const emulator = await emulate(['web1']);
    const agent = await startAgent(emulator, 'web1', { folder: temporaryFolder() });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    const config = ['--config', path.join(agent.folder, 'agent.yaml')];
    const well = await runForewarn(['agent', 'doctor', '--json', ...config]);
    expect(well, well.output).toMatchObject({ status: 0 });
    const { findings } = JSON.parse(well.output) as { findings: { check: string; state: string }[] };
    expect(findings.filter((finding) => finding.state === 'wrong')).toEqual([]);
    expect(findings.map((finding) => finding.check)).toEqual(
      expect.arrayContaining(['settings', 'agent', 'metadata', 'name', 'clock', 'state', 'hooks', 'notice']),
    );
    await agent.program.stop('SIGTERM');
    await emulator.operations.setFault({ kind: 'error-500' });
    const ill = await runForewarn(['agent', 'doctor', ...config]);
    expect(ill.status).toBe(1);
    expect(ill.output).toMatch(/WRONG +metadata: .*500/);
    expect(ill.output).toMatch(/warning +agent: none answers/);
  });
});

describe('metrics and notifications of a running agent', () => {
  it('tell of an event from its appearance to its end', async () => {
    const bodies: Record<string, string>[] = [];
    const receiver = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      request.on('end', () => {
        bodies.push(JSON.parse(text) as Record<string, string>);
        response.end();
      });
    });
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    onTestFinished(() => {
      receiver.closeAllConnections();
      receiver.close();
    });
    const emulator = await emulate(['web1']);
    const agent = await startAgent(emulator, 'web1', {
      folder: temporaryFolder(),
      extra: `http: { listen: "127.0.0.1:0" }
notifications: [{ url: "http://127.0.0.1:${(receiver.address() as AddressInfo).port}/", proxy: none }]
`,
    });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    letGo(agent);
    const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 60_000 });
    await expect.poll(() => bodies.map((body) => body['phase']), WITHIN).toContain('restored');
    expect(bodies[0]).toMatchObject({ vm: 'web1', phase: 'event.seen', eventType: 'Reboot' });
    expect(new Set(bodies.map((body) => body['eventId']?.toLowerCase()))).toEqual(new Set([eventId.toLowerCase()]));
    const metrics = await (await fetch(`http://${String(agent.program.ready['http'])}/metrics`)).text();
    expect(metrics).toContain('forewarn_agent_approvals_total{result="accepted"} 1');
    expect(metrics).toMatch(/forewarn_agent_notifications_total\{result="sent"\} [1-9]/);
    expect(metrics).not.toContain(eventId);
  });
});
