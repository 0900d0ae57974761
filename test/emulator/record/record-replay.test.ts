import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEmulator, steppedClock } from '../../../emulator/library.ts';
import { endpointUrl, record } from '../../../emulator/record/record.ts';
import { parseRecording, type RecordedAnswer, type Recording } from '../../../emulator/record/recording.ts';
import { startReplay } from '../../../emulator/record/replay.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

/** Records what happens while `play` runs; `next` resolves with the next entry, and time goes on until there is one. */
async function recorded(
  from: string,
  play: (next: () => Promise<RecordedAnswer>) => Promise<void>,
): Promise<{ recording: Recording; text: string }> {
  const file = path.join(temporaryFolder(), 'events.jsonl');
  const clock = new FakeClock();
  const stopping = new AbortController();
  const entries: RecordedAnswer[] = [];
  const done = record({
    from,
    file,
    intervalMs: 1000,
    clock,
    stop: stopping.signal,
    onEntry: (entry) => entries.push(entry),
  });
  let taken = 0;
  await play(async () => {
    while (entries.length === taken) await clock.advance(500);
    taken++;
    return entries[taken - 1] as RecordedAnswer;
  });
  stopping.abort();
  await done;
  const text = readFileSync(file, 'utf8');
  const parsed = parseRecording(text);
  if (parsed.kind === 'broken') throw new Error(`line ${parsed.line} of what was recorded`);
  return { recording: parsed.recording, text };
}

describe('record and replay', () => {
  it('serves again, byte for byte and at its pace, what an endpoint answered', async () => {
    const cloudClock = steppedClock();
    await using cloud = await startEmulator({ clock: cloudClock });
    const url = `${cloud.metadata('vm0')}/metadata/scheduledevents?api-version=2020-07-01`;
    const ask = async (at: string): Promise<Response> => await fetch(at, { headers: { Metadata: 'true' } });
    const seen: string[] = [];
    const { recording } = await recorded(cloud.metadata('vm0'), async (next) => {
      await next();
      seen.push(await (await ask(url)).text());
      cloud.schedule({ type: 'Freeze', vms: ['vm0'] });
      await next();
      seen.push(await (await ask(url)).text());
      await cloud.fault({ kind: 'error-429' });
      await next();
      await cloud.fault({ kind: 'drop' });
      await next();
    });
    expect(recording.entries).toMatchObject([
      { status: 200 },
      { status: 200 },
      { status: 429 },
      { error: 'ECONNRESET' },
    ]);

    const clock = new FakeClock();
    const replay = await startReplay({ recording, listen: LOOPBACK, speed: 2, clock });
    onTestFinished(async () => {
      await replay.close();
    });
    const first = await ask(`${replay.url}/metadata/scheduledevents?api-version=2019-08-01`);
    expect(await first.text()).toBe(seen[0]);
    expect(first.headers.get('etag')).toBe('"1"');
    expect(first.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const posted = await fetch(replay.url, { method: 'POST', body: '{}' });
    expect(posted.status).toBe(200);
    expect((await fetch(replay.url, { method: 'DELETE' })).status).toBe(405);

    const at = recording.entries.map((entry) => entry.atMs / 2);
    await clock.advance((at[1] ?? 0) - 1);
    expect(await (await ask(replay.url)).text()).toBe(seen[0]);
    await clock.advance(1);
    expect(await (await ask(replay.url)).text()).toBe(seen[1]);
    await clock.advance((at[2] ?? 0) - (at[1] ?? 0));
    expect((await ask(replay.url)).status).toBe(429);
    await clock.advance((at[3] ?? 0) - (at[2] ?? 0));
    await expect(ask(replay.url)).rejects.toThrow('fetch failed');
  });

  it('writes the same answer once', async () => {
    await using cloud = await startEmulator({ clock: steppedClock() });
    const { text } = await recorded(cloud.metadata('vm0'), async (next) => {
      await next();
      for (let i = 0; i < 5; i++) await fetch(cloud.metadata('vm0'));
      cloud.schedule({ type: 'Reboot', vms: ['vm0'] });
      await next();
    });
    expect(text.trim().split('\n')).toHaveLength(3);
  });

  it('never writes over another recording', async () => {
    const file = path.join(temporaryFolder(), 'events.jsonl');
    writeFileSync(file, 'precious');
    const wanted = { from: 'http://127.0.0.1:1', file, intervalMs: 1000, clock: new FakeClock() };
    await expect(record({ ...wanted, stop: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANNOT_WRITE' });
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });
});

describe('--from', () => {
  it.each([
    ['127.0.0.1:7071', 'http://127.0.0.1:7071/metadata/scheduledevents?api-version=2020-07-01'],
    ['http://a/metadata/x?api-version=2017-08-01', 'http://a/metadata/x?api-version=2017-08-01'],
  ])('%s means %s', (text, url) => {
    expect(endpointUrl(text).href).toBe(url);
  });

  it('is an HTTP address', () => {
    expect(() => endpointUrl('ftp://a')).toThrow('expected an address');
  });
});
