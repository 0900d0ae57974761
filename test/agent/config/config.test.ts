import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../../agent/config/default-settings.ts';
import { warningsFor } from '../../../agent/config/warnings.ts';
import { agentSettingsSchema, type AgentSettings } from '../../../agent/settings.ts';
import { parseSettings } from '../../../common/runtime/settings.ts';

const parse = (text: string): AgentSettings => parseSettings({ file: 'agent.yaml', text }, agentSettingsSchema, {});

describe('the settings that are written out', () => {
  it('are what an agent without them does', () => {
    const { gate, connections, identity, ...written } = parse(DEFAULT_SETTINGS);
    const { gate: _gate, connections: _connections, identity: _identity, ...defaults } = parse('');
    expect(written).toEqual(defaults);
    expect(gate).toMatchObject({ detection: 15_000 });
    expect([connections, identity]).toEqual([{ ports: [8080] }, { role: 'web' }]);
  });

  it('have rules in their comments that are understood', () => {
    const lines = DEFAULT_SETTINGS.split('\n');
    const from = lines.indexOf('  # rules:');
    const to = lines.indexOf('  #', from);
    const rules = lines.slice(from, to).map((line) => line.replace('  # ', '  ').replace(/ {4,}it may happen.*$/, ''));
    const { policy } = parse(['policy:', ...rules].join('\n'));
    expect(policy.rules.map((rule) => rule.decide)).toEqual([
      { do: 'consent' },
      { do: 'consent' },
      { when: { fromMinute: 1320, toMinute: 300, zone: 'Europe/Berlin', weekdays: [1, 2, 3, 4] } },
    ]);
  });
});

describe('warnings about settings', () => {
  it.each([
    [
      'a balancer that cannot notice a Preempt in time',
      'gate: { listen: 127.0.0.1:1, detection: 40s }',
      'gate.detection: Preempt: a notice of 30 s is over before',
    ],
    [
      'phases that a notice does not fit',
      'drain: { timeout: 10m }',
      'policy.budget: Redeploy: a notice of 600 s does not fit',
    ],
    ['a minimum that nobody can know', 'policy: { minimumInService: 2 }', 'policy.minimumInService: only a scheduler'],
    ['events of several VMs without anybody to agree with', '', 'scheduler: without it'],
    ['an absence that is believed too soon', 'events: { absentFor: 2s }', 'events.absentFor: shorter than 10s'],
    [
      'a rule that hides those after it',
      'policy: { rules: [{ name: a, decide: {} }, { name: b, decide: {} }] }',
      'policy.rules[0] (a): it matches every event',
    ],
    [
      'leaving early for nothing',
      'policy: { rules: [{ name: a, decide: { approve: never } }] }',
      'policy.rules[0] (a): nobody may approve',
    ],
    [
      'hooks that may take longer than a late drain leaves them',
      'hooks: { folder: /x, timeout: 60s }',
      'policy.budget.hooks: shorter than one hook may take',
    ],
    [
      'the weaker way back',
      'policy: { rules: [{ name: a, decide: { restore: { afterImpact: 1m } } }] }',
      'a second impact',
    ],
    [
      'agreeing after a failure',
      'policy: { rules: [{ name: a, decide: { onFailure: approve } }] }',
      'connections that were not drained',
    ],
  ])('name %s', (_name, text, expected) => {
    expect(warningsFor(parse(text)).join('\n')).toContain(expected);
  });

  it('are none where everything fits', () => {
    const text = `scheduler: { url: 'http://127.0.0.1:1' }
gate: { listen: 127.0.0.1:1, detection: 2s }
connections: { ports: [80] }
drain: { timeout: 10s }
policy: { budget: { hooks: 10s, agreement: 5s } }`;
    expect(warningsFor(parse(text))).toEqual([]);
  });

  it('do not speak of events that this VM does not drain for', () => {
    const rule = '{ name: p, match: { types: [Preempt] }, decide: { do: notify } }';
    const warnings = warningsFor(parse(`policy: { rules: [${rule}] }`));
    expect(warnings.join('\n')).not.toContain('Preempt');
  });
});

describe('rules in a settings file', () => {
  it.each([
    [
      'a pattern that is none',
      '{ name: a, match: { description: /(/ }, decide: {} }',
      'policy.rules[0].match.description: expected a text',
    ],
    [
      'a zone that is none',
      "{ name: a, match: { seenWithin: { from: '22:00', to: '05:00', zone: Mars } }, decide: {} }",
      'expected a time zone',
    ],
    [
      'a time that is none',
      "{ name: a, match: { seenWithin: { from: '25:00', to: '05:00' } }, decide: {} }",
      'expected a time of day',
    ],
    ['a key that is none', '{ name: a, match: { type: [Freeze] }, decide: {} }', 'policy.rules[0].match.type'],
    ['a consequence that is none', '{ name: a, decide: { do: reboot } }', 'policy.rules[0].decide.do'],
  ])('refuse %s', (_name, rule, expected) => {
    expect(() => parse(`policy: { rules: [${rule}] }`)).toThrow(expected);
  });
});
