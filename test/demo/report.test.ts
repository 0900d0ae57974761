import { describe, expect, it } from 'vitest';
import { Ledger } from '../../demo/load/ledger.ts';
import {
  commandPrefix,
  createStepResult,
  failureOf,
  formatIntroduction,
  formatInvitation,
  formatStepEnd,
  type StepResult,
} from '../../demo/report.ts';

function result(over: Partial<StepResult> = {}): StepResult {
  return {
    title: '(a) Freeze FrontEnd_IN_0',
    durationMs: 12_345,
    requests: 3012,
    failed: 0,
    orders: 602,
    answersByVm: { FrontEnd_IN_1: 1200 },
    proofs: ['a gap of 3012 ms in its own clock'],
    failures: [],
    ...over,
  };
}

describe('the end of a step', () => {
  it('states how many requests there were and how many failed', () => {
    expect(formatStepEnd(result())).toEqual([
      '          proven: a gap of 3012 ms in its own clock',
      '          requests 3012, failed 0  (in 12.3 s; 602 of them orders, every one done)',
    ]);
  });

  it('shows the first failures and does not claim that every order was done', () => {
    const lines = formatStepEnd(
      result({ failed: 9, failures: Array.from({ length: 9 }, (_, index) => `no ${index}`) }),
    );
    expect(lines[1]).toBe('          requests 3012, failed 9  (in 12.3 s; 602 of them orders)');
    expect(lines).toHaveLength(2 + 5);
  });

  it('is made of the books of the ledger', () => {
    const ledger = new Ledger();
    ledger.start().answered('b');
    ledger.start().answered('a');
    ledger.start().failed({ atMs: Date.parse('2026-11-20T12:00:00.5Z'), what: 'GET /', reason: 'read ECONNRESET' });
    const step = { title: 't', durationMs: 1, proofs: [] };
    expect(createStepResult(step, ledger.current())).toEqual({
      ...step,
      requests: 3,
      failed: 1,
      orders: 0,
      answersByVm: { a: 1, b: 1 },
      failures: ['12:00:00.500 GET /: read ECONNRESET'],
    });
  });
});

describe('the verdict', () => {
  it('is good when no request failed and there were enough', () => {
    expect(failureOf([result(), result()], 1000)).toBeUndefined();
  });

  it('counts the failures of all steps and names the first', () => {
    const bad = [result(), result({ failed: 2, failures: ['12:00 GET /: read ECONNRESET'] }), result({ failed: 1 })];
    expect(failureOf(bad, 1000)).toBe('3 of the requests failed, the first: 12:00 GET /: read ECONNRESET');
  });

  it('does not pass a step with too few requests', () => {
    expect(failureOf([result({ requests: 999 })], 1000)).toContain('expected at least 1000 requests in (a) Freeze');
  });
});

describe('what the demonstration says about itself', () => {
  const addresses = {
    publicUrl: 'http://127.0.0.1:1',
    controlUrl: 'http://127.0.0.1:2',
    schedulerUrl: 'http://127.0.0.1:3',
    queueUrl: 'http://127.0.0.1:4',
    shopFolder: '/tmp/x/shop',
    agentSocket: '/tmp/x/agent.sock',
  };

  it('states plainly what is shortened', () => {
    const text = formatIntroduction({ requestsPerSecond: 250, folder: '/tmp/x' });
    expect(text).toContain('Azure: 15 min before a Freeze or Reboot');
    expect(text).toMatch(/event is over +after 3 s .*10 s/);
  });

  it('invites with commands that can be pasted, as this user would type them', () => {
    expect(formatInvitation(commandPrefix('/x/cli.ts'), addresses)).toContain(
      'npm run -s forewarn -- emulator reboot FrontEnd_IN_0 --control http://127.0.0.1:2\n',
    );
    expect(formatInvitation(commandPrefix('/x/dist/cli.js'), addresses)).toContain(
      '  forewarn agent status --socket /tmp/x/agent.sock\n',
    );
  });
});
