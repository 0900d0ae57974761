import { describe, expect, it } from 'vitest';
import { agentSettingsSchema } from '../../agent/settings.ts';
import { parseSettings, SettingsError } from '../../common/runtime/settings.ts';

const parse = (text: string, environment: Record<string, string> = {}): ReturnType<typeof agentSettingsSchema.parse> =>
  parseSettings({ file: 'agent.yaml', text }, agentSettingsSchema, environment);

function problems(text: string): readonly string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof SettingsError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('the settings of the agent', () => {
  it('are right for a stand-alone VM on Azure when empty', () => {
    expect(parse('')).toMatchObject({
      metadata: { endpoint: 'auto', poll: 1000 },
      state: '/var/lib/forewarn',
      socket: '/run/forewarn/agent.sock',
      events: { absentFor: 10_000 },
      haproxy: [],
    });
  });

  it('take durations, ports as text, and the environment', () => {
    const settings = parse(
      `
gate: { listen: "127.0.0.1:\${PORT}", detection: 1s500ms }
connections: { ports: [80, "\${PORT}"] }
haproxy: [{ sockets: [/run/a.sock, "127.0.0.1:9999"], server: web/s1 }]
`,
      { PORT: '8080' },
    );
    expect(settings.gate).toMatchObject({ listen: { host: '127.0.0.1', port: 8080 }, detection: 1500 });
    expect(settings.connections?.ports).toEqual([80, 8080]);
  });

  it('are refused with every problem in one message, each with line, key, what was expected and what was found', () => {
    expect(
      problems(`metadata: { endpoint: "ftp://x", poll: 10ms }
gate: { listen: 8080 }
connections: { ports: [0] }
haproxy: [{ sockets: [], server: web }]
drain: { timeout: 30 }
hook: {}
scheduler: {}
log: { level: loud }`),
    ).toEqual(
      [
        'agent.yaml:1: metadata.endpoint: expected an address like "http://127.0.0.1:8080", got "ftp://x"',
        'agent.yaml:1: metadata.poll: expected at least "200ms": the service allows 5 requests a second',
        'agent.yaml:8: log.level: expected one of "debug"|"info"|"warn"|"error"|"silent", got "loud"',
        expect.stringContaining('gate.listen: expected'),
        expect.stringContaining('connections.ports[0]: expected a port'),
        expect.stringContaining('haproxy[0].sockets: expected at least one socket'),
        expect.stringContaining('haproxy[0].server: expected "backend/server"'),
        expect.stringContaining('drain.timeout: expected a duration like "30s"'),
        expect.stringContaining('scheduler.url: expected'),
        expect.stringContaining('hook: expected a known key'),
      ].toSorted((a, b) => order(a) - order(b)),
    );
  });
});

/** The messages come in the order of the schema's keys. */
function order(text: unknown): number {
  const keys = [
    'metadata.endpoint',
    'metadata.poll',
    'scheduler',
    'gate',
    'haproxy[0].sockets',
    'haproxy[0].server',
    'connections',
    'drain',
    'log',
    'hook:',
  ];
  return keys.findIndex((key) => JSON.stringify(text).includes(key));
}
