import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { ReportCommand } from '../../common/agreement/command.ts';
import type { CommandContext } from '../../common/runtime/command.ts';
import { eventsCommand } from '../../scheduler/event-commands.ts';
import { eventually, FakeAgent, runningScheduler, vmIdentity } from '../support/running-scheduler.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const EVENT = '4CAEA225-A741-474D-A72E-428C86FCD853';
const BOTH = ['Web_0', 'Web_1'];

function report(name: string, number: number, change: Partial<ReportCommand> = {}): ReportCommand {
  return {
    kind: 'report',
    scope: 'shop',
    eventId: EVENT,
    name,
    vmId: `id-of-${name}`,
    number,
    eventType: 'Reboot',
    resources: BOTH,
    promise: 'binding',
    deadlineReached: false,
    localIntent: false,
    ...change,
  };
}

/** `forewarn events …` as its user runs it. */
async function events(url: string, ...words: string[]): Promise<string> {
  const printed: string[] = [];
  const context: CommandContext = {
    environment: { FOREWARN_SCHEDULER: url },
    terminal: { print: (text) => printed.push(text), printError: (text) => printed.push(text), hasColor: false },
    cliFile: 'cli.ts',
  };
  const command = eventsCommand(context).exitOverride();
  for (const verb of command.commands) verb.exitOverride().configureOutput({ writeErr: () => {} });
  await command.parseAsync(words, { from: 'user' });
  return printed.join('\n');
}

const why = async (url: string): Promise<string> =>
  (JSON.parse(await events(url, 'show', EVENT, '--json')) as { why: string }).why;

describe('forewarn events show', () => {
  it('says who leads since when, what each VM has promised, what notice is left, and why nothing happens yet', async () => {
    const { url } = await runningScheduler();
    const first = await FakeAgent.join(url, vmIdentity('Web_0'));
    const notBeforeMs = Date.now() + 90_000;
    await first.command(report('Web_0', 1, { promise: 'prepared', notBeforeMs }));
    await first.command({ kind: 'campaign', scope: 'shop', eventId: EVENT, holder: 'Web_0' });
    const text = await events(url, 'show', EVENT.toLowerCase());
    expect(text).toContain(`event      ${EVENT} (Reboot) of scope shop\nphase      preparing\n`);
    expect(text).toContain(
      'why        Waits, because web_1 has not reported: no agent there, or it is not connected; at',
    );
    expect(text).toMatch(/NotBefore {2}\S+Z; 1 min \d+ s left\n/);
    expect(text).toMatch(/leader {5}Web_0 \(term 1\), since \S+Z; its lease ends at \S+Z unless it renews it\n/);
    expect(text).toContain('promise    Web_0: prepared\npromise    web_1: unknown, its agent is not connected');
    expect(await events(url)).toMatch(/NOTICE .*WHY\n.* 1 min \d+ s left .*Waits, because web_1/s);
    await expect(events(url, 'show', 'nothing')).rejects.toThrow("Event 'nothing' cannot be found");
  });

  it('follows an event to its end in words', async () => {
    const { url } = await runningScheduler();
    const [first, second] = await Promise.all(BOTH.map(async (name) => await FakeAgent.join(url, vmIdentity(name))));
    const leader = { scope: 'shop', eventId: EVENT, holder: 'Web_0', term: 1 };
    const answer = await first?.command(report('Web_0', 1, { promise: 'prepared' }));
    await second?.command(report('Web_1', 1));
    expect(await why(url)).toBe('Waits, because Web_1 is still draining.');
    await second?.command(report('Web_1', 2, { promise: 'prepared' }));
    expect(await why(url)).toBe('All have promised: the VMs elect the one that approves.');
    await first?.command({ kind: 'campaign', scope: 'shop', eventId: EVENT, holder: 'Web_0' });
    expect(await why(url)).toBe('All have promised: Web_0, which leads, reads the event once more and approves.');
    await first?.command({ kind: 'intend', ...leader, hash: answer?.record?.hash ?? '' });
    expect(await why(url)).toBe('Web_0 has recorded that it approves (term 1); its approval is under way.');
    await first?.command({ kind: 'approve', ...leader });
    expect(await why(url)).toContain('Web_0 has approved it: the platform begins when it is ready');
    await first?.command({ kind: 'end', ...leader });
    expect(await why(url)).toBe('The event is over.');
  });
});

describe('forewarn events approve', () => {
  it('forces an event: the record, the timeline and the answer keep who, when and why; its VMs hear of it', async () => {
    const { url } = await runningScheduler();
    const watched: { kind: string; detail: string }[] = [];
    const socket = new WebSocket(`${url.replace('http', 'ws')}/forewarn/v1/watch`);
    onTestFinished(() => {
      socket.terminate();
    });
    await new Promise((resolve) => socket.once('open', resolve));
    socket.on('message', (data: Buffer) => watched.push(JSON.parse(data.toString()) as (typeof watched)[number]));
    const first = await FakeAgent.join(url, vmIdentity('Web_0'));
    await first.command(report('Web_0', 1));
    const text = await events(url, 'approve', EVENT, '--force', '--reason', 'Web_1 is gone', '--by', 'alice');
    expect(text).toContain(`${EVENT}: forced by alice; one of its VMs approves it now.`);
    expect(text).toContain('why        alice has forced it: the VMs elect the one that approves.');
    expect(text).toMatch(/forced {5}by alice at \S+Z: Web_1 is gone$/);
    await eventually(
      async () => first.received.findLast((message) => message.kind === 'record'),
      (message) => message?.kind === 'record' && message.record.forced?.reason === 'Web_1 is gone',
    );
    await eventually(
      async () => watched.find((entry) => entry.kind === 'agreement.forced')?.detail,
      (detail) => detail === 'alice lets it go ahead as it stands: Web_1 is gone',
    );
    // The leader goes its usual way from there, and nobody is awaited.
    await first.command({ kind: 'campaign', scope: 'shop', eventId: EVENT, holder: 'Web_0' });
    const { record } = await first.command(report('Web_0', 1));
    const intent = { scope: 'shop', eventId: EVENT, holder: 'Web_0', term: 1, hash: record?.hash ?? '' };
    expect((await first.command({ kind: 'intend', ...intent })).outcome).toEqual({ kind: 'accepted' });
    await first.command({ kind: 'approve', scope: 'shop', eventId: EVENT, holder: 'Web_0', term: 1 });
    await expect(events(url, 'approve', EVENT, '--force', '--reason', 'again')).rejects.toThrow(
      `Event '${EVENT}' is approved and cannot be forced. Web_0 has approved it`,
    );
    expect(await events(url, 'show', EVENT)).toContain('Web_1 is gone');
  });

  it('names whoever runs it, and refuses without a reason, for an unknown event and for one that is in two scopes', async () => {
    const { url } = await runningScheduler();
    const force = async (...words: string[]): Promise<string> =>
      await events(url, 'approve', EVENT, '--force', ...words);
    await expect(force()).rejects.toThrow('--reason <text>');
    await expect(force('--reason', '  ')).rejects.toThrow(
      'The field \'reason\' is not valid: expected some text, got "".',
    );
    await expect(force('--reason', 'a'.repeat(501))).rejects.toThrow('expected at most 500 characters, got');
    await expect(events(url, 'approve', EVENT, '--reason', 'x')).rejects.toThrow('--force');
    await expect(force('--reason', 'x')).rejects.toThrow('cannot be found: no agent has reported it');
    for (const scope of ['shop', 'other']) {
      const agent = await FakeAgent.join(url, vmIdentity('Web_0', { scope }));
      await agent.command(report('Web_0', 1, { scope }));
    }
    await expect(force('--reason', 'x')).rejects.toThrow("is in several scopes ('other', 'shop')");
    const forced = JSON.parse(await force('--reason', 'x', '--scope', 'other', '--json')) as { forced: { by: string } };
    expect(forced.forced.by).not.toBe('');
    expect(await events(url, 'show', EVENT, '--scope', 'shop')).not.toContain('forced');
  });

  it('is the word of whoever has shown a token, whatever the body says', async () => {
    const ownerTokenFile = path.join(temporaryFolder(), 'owner');
    writeFileSync(ownerTokenFile, 'the-secret-of-the-owner', { mode: 0o600 });
    const { url } = await runningScheduler({ access: { isOpen: true, ownerTokenFile } });
    const agent = await FakeAgent.join(url, vmIdentity('Web_0'));
    await agent.command(report('Web_0', 1));
    const force = async (headers: Record<string, string>): Promise<Response> =>
      await fetch(`${url}/forewarn/v1/events/${EVENT}/approve`, {
        method: 'POST',
        headers: { 'x-forewarn': 'true', 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ force: true, reason: 'x', by: 'somebody else' }),
      });
    expect((await force({ authorization: 'Bearer what-nobody-has-given-out' })).status).toBe(401);
    const answer = await force({ authorization: 'Bearer the-secret-of-the-owner' });
    expect(await answer.json()).toMatchObject({ forced: { by: 'owner', holds: true } });
  });

  it('is nothing that an agent can say', async () => {
    const { url } = await runningScheduler();
    const agent = await FakeAgent.join(url, vmIdentity('Web_0'));
    await agent.command(report('Web_0', 1));
    agent.socket.send(
      JSON.stringify({
        kind: 'command',
        id: 99,
        command: { kind: 'force', scope: 'shop', eventId: EVENT, by: 'Web_0', reason: 'impatience' },
      }),
    );
    expect((await agent.next('refused')).reason).toContain('a message was not understood');
    expect(await events(url, 'show', EVENT, '--json')).toContain('"forced": null');
  });
});
