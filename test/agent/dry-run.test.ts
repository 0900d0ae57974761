import { describe, expect, it } from 'vitest';
import { dryRunDrains, dryRunHooks, dryRunJournal, dryRunMetadata, dryRunSettings } from '../../agent/dry-run.ts';
import { agentSettingsSchema } from '../../agent/settings.ts';
import { createLog } from '../../common/runtime/log.ts';

function record(): { log: ReturnType<typeof createLog>; said: () => string[] } {
  const lines: string[] = [];
  return {
    log: createLog('agent', 'info', { isJournal: false, write: (line) => lines.push(line) }),
    said: () => lines.map((line) => (JSON.parse(line) as { msg: string }).msg),
  };
}

const never = async (): Promise<never> => {
  throw new Error('a dry run did something');
};

describe('a dry run', () => {
  it('turns no traffic away, says so once, and is not held up by what is still there', async () => {
    const { log, said } = record();
    const [drain] = dryRunDrains(
      [{ name: 'b', start: never, restore: never, read: async () => ({ clear: false, detail: '3 sessions' }) }],
      log,
    );
    await drain?.restore();
    for (let look = 0; look < 3; look++) await drain?.start();
    expect(await drain?.read()).toEqual({ clear: true, detail: 'dry run: 3 sessions' });
    await drain?.restore();
    expect(said()).toEqual([
      'dry run: would turn traffic away',
      'dry run: would wait until no traffic is left',
      'dry run: would let traffic in again',
    ]);
  });

  it('writes no promise, runs no hook, approves nothing', async () => {
    const { log, said } = record();
    await dryRunJournal({ found: undefined, isDamaged: false, append: never, close: never }).append({} as never);
    const metadata = dryRunMetadata({ readFresh: async () => ({ kind: 'unchanged' }), approve: never }, log);
    expect((await metadata.approve('E1')).outcome).toBe('accepted');
    const settings = agentSettingsSchema.parse({ hooks: { folder: '/h' } });
    expect((await dryRunHooks(settings, log)('prepare', { eventId: 'E1' } as never)).ok).toBe(true);
    expect(said()).toEqual(['dry run: would approve this event', 'dry run: would run the hooks']);
  });

  it('knows nobody to promise anything to, and leaves the socket of the real agent alone', () => {
    const settings = agentSettingsSchema.parse({
      socket: '/run/a.sock',
      scheduler: { url: 'http://127.0.0.1:1' },
      http: { listen: '127.0.0.1:1' },
      tasks: { folder: '/t' },
    });
    expect(dryRunSettings(settings)).toMatchObject({
      socket: '/run/a.sock.dry-run',
      scheduler: undefined,
      coordinator: undefined,
      http: undefined,
      tasks: undefined,
    });
  });
});
