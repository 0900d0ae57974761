import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSchedulerSettings } from '../../scheduler/settings.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function file(text: string): { folder: string; config: string } {
  const folder = temporaryFolder();
  const config = path.join(folder, 'scheduler.yaml');
  writeFileSync(config, text);
  return { folder, config };
}

describe('the settings of the scheduler', () => {
  it('are the defaults without a file, with the store in the current folder', async () => {
    expect(await readSchedulerSettings(undefined, {}, '/data')).toEqual({
      listen: { host: '127.0.0.1', port: 7080 },
      hosts: new Set(),
      store: { kind: 'sqlite', file: '/data/forewarn.db' },
      replica: { name: hostname(), region: undefined },
      allowPrivate: false,
      unmanaged: new Set(),
      enrolmentRequired: false,
      calendars: new Map(),
      logLevel: 'info',
    });
  });

  it('are read from the file, the store beside it and names canonical', async () => {
    const { folder, config } = file(
      [
        'listen: 127.0.0.1:${PORT:-7080}',
        'hosts: [Jobs.example:8443]',
        'store: { sqlite: data/scheduler.db }',
        'http: { allowPrivate: true }',
        'coordination: { unmanaged: [_Web_9] }',
        'log: { level: warn }',
      ].join('\n'),
    );
    expect(await readSchedulerSettings(config, { PORT: '0' }, '/elsewhere')).toEqual({
      listen: { host: '127.0.0.1', port: 0 },
      hosts: new Set(['jobs.example:8443']),
      store: { kind: 'sqlite', file: path.join(folder, 'data/scheduler.db') },
      replica: { name: hostname(), region: undefined },
      allowPrivate: true,
      unmanaged: new Set(['web_9']),
      enrolmentRequired: false,
      calendars: new Map(),
      logLevel: 'warn',
    });
  });

  it('are refused with every problem in one message', async () => {
    const { config } = file('listen: here\nstores: {}\nhttp: { allowPrivate: yes please }\nlog: { level: loud }\n');
    const refused = readSchedulerSettings(config, {}, '/');
    await expect(refused).rejects.toMatchObject({ code: 'SETTINGS_INVALID', exitStatus: 2 });
    await expect(refused).rejects.toThrow(/scheduler\.yaml:1: listen: expected an address and a port/);
    await expect(refused).rejects.toThrow(/:2: stores: expected a known key/);
    await expect(refused).rejects.toThrow(/:3: http\.allowPrivate: expected boolean, got "yes please"/);
    await expect(refused).rejects.toThrow(/:4: log\.level: /);
  });

  it.each(['0.0.0.0:7080', '10.0.0.1:7080', '[::]:7080'])('never serve beyond this machine: %s', async (listen) => {
    const { config } = file(`listen: "${listen}"`);
    await expect(readSchedulerSettings(config, {}, '/')).rejects.toMatchObject({
      code: 'LISTEN_NOT_LOOPBACK',
      exitStatus: 2,
      message: expect.stringContaining('the setting listen is') as string,
    });
  });
});
