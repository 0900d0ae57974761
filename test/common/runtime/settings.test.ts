import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { durationSchema } from '../../../common/runtime/duration.ts';
import { listenAddressSchema } from '../../../common/runtime/listen.ts';
import { loadSettings, parseSettings, SettingsError } from '../../../common/runtime/settings.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const schema = z.strictObject({
  name: z.string().default('anonymous'),
  poll: durationSchema.default(1000),
  listen: listenAddressSchema.optional(),
  mode: z.enum(['fast', 'slow']).default('fast'),
  drains: z
    .array(
      z.union([
        z.strictObject({ kind: z.literal('socket'), path: z.string() }),
        z.strictObject({ kind: z.literal('web'), url: z.string() }),
      ]),
    )
    .default([]),
});

function parse(text: string, environment: Record<string, string> = {}): z.output<typeof schema> {
  return parseSettings({ file: 'agent.yaml', text }, schema, environment);
}

function problemsOf(text: string, environment?: Record<string, string>): string[] {
  try {
    parse(text, environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('are what the file says, with defaults for the rest', () => {
    expect(parse('poll: 1m30s\nlisten: 127.0.0.1:0')).toEqual({
      name: 'anonymous',
      poll: 90_000,
      listen: { host: '127.0.0.1', port: 0 },
      mode: 'fast',
      drains: [],
    });
  });

  it('may be an empty file', () => {
    expect(parse('').name).toBe('anonymous');
  });

  it('take variables, defaults for missing ones, and leave an escaped one alone', () => {
    expect(parse('name: "${A}-${B:-b}-$${C}"', { A: 'a' }).name).toBe('a-b-${C}');
  });

  it('report every problem at once, each with file, line, key, what was expected and what was found', () => {
    const text =
      'poll: 30\nmode: quick\nlisten: everywhere\nname: ${NOPE}\ndrains:\n  - kind: socket\n    path: 3\nextra: 1\n';
    expect(problemsOf(text)).toEqual([
      'agent.yaml:4: name: expected the environment variable NOPE to be set, found it missing',
      'agent.yaml:1: poll: expected a duration like "30s" or "1m30s", got 30',
      'agent.yaml:3: listen: expected an address and a port like "127.0.0.1:8080", got "everywhere"',
      'agent.yaml:2: mode: expected one of "fast"|"slow", got "quick"',
      'agent.yaml:7: drains[0].path: expected string, got 3',
      'agent.yaml:8: extra: expected a known key, found this one; is it misspelt?',
    ]);
  });

  it('name the line of a mistake in the YAML itself', () => {
    expect(problemsOf('name: a\nname: b\n')[0]).toMatch(/^agent\.yaml:2: expected YAML: .*unique/);
  });

  it('say so when the file is not there', async () => {
    const file = `${temporaryFolder()}/none.yaml`;
    await expect(loadSettings(file, schema, {})).rejects.toMatchObject({
      message: `${file}: expected a readable file, found none`,
      exitStatus: 2,
    });
  });
});
