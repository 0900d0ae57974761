import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { absoluteDrainSettings, drainSettings } from '../../../agent/drain/settings.ts';
import { drainWarnings } from '../../../agent/drain/warnings.ts';
import { agentSettingsSchema } from '../../../agent/settings.ts';
import { z } from 'zod';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const schema = z.strictObject(drainSettings);

/** The YAML blocks of a page whose first key is `gate`. */
function blocks(file: string): readonly string[] {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  return [...text.matchAll(/```yaml\n(gate:[\s\S]*?)```/g)].map((match) => match[1] ?? '');
}

describe('the settings of drains', () => {
  it.each(['README.md', 'examples/drains/README.md'])('in %s are right', (file) => {
    expect(blocks(file)).toHaveLength(1);
    for (const block of blocks(file)) expect(agentSettingsSchema.safeParse(parse(block)).error).toBe(undefined);
  });

  it('need nothing, and then drain nowhere', () => {
    expect(schema.parse({})).toEqual({ haproxy: [], nginx: [], units: [], commands: [], webhooks: [] });
  });

  it('may say never where there are times', () => {
    const { haproxy } = schema.parse({
      haproxy: [{ sockets: ['/run/a.sock'], server: 'web/s1', maintAfter: 'never', shutdownAfter: 'never' }],
    });
    expect(haproxy).toEqual([
      {
        sockets: [{ address: '/run/a.sock', stateFile: undefined }],
        server: 'web/s1',
        maintAfter: 'never',
        shutdownAfter: 'never',
      },
    ]);
  });

  it.each([
    ['a server without its backend', { haproxy: [{ sockets: ['/a'], server: 's1' }] }, 'expected "backend/server"'],
    [
      'a command that is both',
      { commands: [{ file: '/a', action: 'b' }] },
      'expected { file: PATH } or { action: NAME }',
    ],
    [
      'a word that a shell would read otherwise',
      { commands: [{ action: 'a', words: ['$(x)'] }] },
      'expected letters, digits',
    ],
    ['a time that is none', { haproxy: [{ sockets: ['/a'], server: 'a/b', maintAfter: '5' }] }, 'expected a duration'],
    ['a unit that is an option', { units: [{ names: ['--force.service'] }] }, 'expected the name of a unit'],
    [
      'a status that is none',
      { gate: { listen: '127.0.0.1:0', applicationProbe: { url: 'http://a/', status: 'ok' } } },
      '',
    ],
    [
      'an address that nginx would not find',
      { nginx: [{ file: '/a', server: 'a;b' }] },
      'expected the address as it is',
    ],
  ])('refuse %s', (_title, settings, message) => {
    const { error } = schema.safeParse(settings);
    expect(error).not.toBe(undefined);
    expect(JSON.stringify(error?.issues)).toContain(JSON.stringify(message).slice(1, -1));
  });

  it('have paths relative to their file, but for sockets', () => {
    const settings = absoluteDrainSettings(
      schema.parse({
        haproxy: [{ sockets: [{ address: '127.0.0.1:9999', stateFile: 'state' }], server: 'web/s1' }],
        commands: [{ file: 'drain' }],
      }),
      (value) => `/etc/forewarn/${value}`,
    );
    expect(settings.haproxy[0]?.sockets[0]).toEqual({ address: '127.0.0.1:9999', stateFile: '/etc/forewarn/state' });
    expect(settings.commands[0]).toMatchObject({ file: '/etc/forewarn/drain' });
  });
});

describe('the warnings about drains', () => {
  const HAPROXY = { sockets: ['/run/a.sock'], server: 'web/s1' };
  const CONNECTIONS = { ports: [80] };
  it.each([
    ['nothing to say about no drain at all', {}, []],
    ['nothing to say about a proof inside the VM', { haproxy: [HAPROXY], connections: CONNECTIONS }, []],
    ['a gate that nothing looks behind', { gate: { listen: '127.0.0.1:0' } }, ['connections: without it nothing sees']],
    ['a balancer alone', { haproxy: [HAPROXY] }, ['connections: without it a balancer that was reloaded']],
    [
      'sessions that are cut too late',
      { haproxy: [{ ...HAPROXY, shutdownAfter: '60s' }], connections: CONNECTIONS },
      ['haproxy[0].shutdownAfter: longer than a drain may take'],
    ],
    [
      'sessions that are cut while new ones come',
      { haproxy: [{ ...HAPROXY, maintAfter: 'never' }], connections: CONNECTIONS },
      ['haproxy[0].maintAfter: later than shutdownAfter'],
    ],
  ])('have %s', (_title, settings, expected) => {
    const warnings = drainWarnings(schema.parse(settings), 60_000);
    expect(warnings).toHaveLength(expected.length);
    for (const [index, text] of expected.entries()) expect(warnings[index]).toContain(text);
  });
});
