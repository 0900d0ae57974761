import { describe, expect, it } from 'vitest';
import { reasonsOut } from '../../../agent/core/durable.ts';
import { Bench, event, inRotation, lastDurable, prepared } from './bench.ts';

describe('the end of an event', () => {
  it.each([
    ['nine seconds of absence are not enough', 9, false],
    ['eleven are', 11, true],
  ])('%s', (_name, seconds, isBack) => {
    const bench = prepared();
    bench.pass(seconds * 1000, () => bench.poll([]));
    expect(bench.isIn()).toBe(isBack);
  });

  it('is not learnt from failed polls, however long', () => {
    const bench = prepared();
    bench.poll([]);
    bench.pass(300_000, () => bench.fail());
    bench.poll([]);
    expect(bench.isIn()).toBe(false);
  });

  it('starts anew when the event is seen in between', () => {
    const bench = prepared();
    bench.pass(8000, () => bench.poll([]));
    bench.poll([event()]);
    bench.pass(8000, () => bench.poll([]));
    expect(bench.isIn()).toBe(false);
  });

  it('is not learnt from a lower incarnation for five minutes', () => {
    const bench = inRotation();
    bench.poll([event()], 9);
    bench.pass(2000, () => bench.poll([event()], 9));
    bench.pass(290_000, () => bench.poll([], 1));
    expect(bench.isIn()).toBe(false);
    bench.pass(25_000, () => bench.poll([], 1));
    expect(bench.isIn()).toBe(true);
  });

  it('is a cancellation when it was gone before its time and nobody had approved it', () => {
    const bench = inRotation({ hasCoordinator: true });
    bench.poll([event()]);
    bench.pass(11_000, () => bench.poll([]));
    expect(bench.hooks()).toContain('cancelled');
    expect(bench.hooks().at(-1)).toBe('restored');
    expect(bench.isIn()).toBe(true);
  });

  it('survives a crash between the release and the hooks that bring the application back', () => {
    const bench = prepared();
    bench.isCooperative = false;
    bench.pass(12_000, () => bench.poll([]));
    const durable = bench.actions.findLast((action) => action.kind === 'persist');
    if (durable?.kind !== 'persist') throw new Error('nothing was persisted');
    const again = new Bench({}, durable.durable);
    again.poll([]);
    expect(again.hooks()).toEqual(['restored']);
    expect(again.isIn()).toBe(true);
  });
});

/** A VM that is out and has prepared; what it asks is answered by the test. */
function aboutToProve(): Bench {
  const bench = inRotation();
  bench.isCooperative = false;
  bench.poll([event()]);
  bench.observe({ kind: 'persisted', revision: bench.state.revision });
  bench.observe({ kind: 'turned-away', ok: true, detail: '' });
  bench.pass(2000);
  bench.observe({ kind: 'hook', key: 'E1', phase: 'prepare', ok: true, detail: '' });
  return bench;
}

describe('a drain', () => {
  it('is not proven by one clear read, nor by two with traffic between', () => {
    const bench = aboutToProve();
    for (const clear of [true, false, true]) {
      bench.observe({ kind: 'drain-read', token: bench.state.rotation.readToken ?? -1, clear, detail: '' });
      expect(bench.hooks()).not.toContain('ready');
    }
    bench.observe({ kind: 'drain-read', token: bench.state.rotation.readToken ?? -1, clear: true, detail: '' });
    expect(bench.hooks()).toContain('ready');
  });

  it('is looked at anew when the look took unusually long: the VM may have stood still in it', () => {
    const bench = aboutToProve();
    const answer = (afterMs: number): void => {
      const token = bench.state.rotation.readToken ?? -1;
      bench.pass(afterMs);
      bench.observe({ kind: 'drain-read', token, clear: true, detail: '' });
      bench.observe({ kind: 'persisted', revision: bench.state.revision });
    };
    for (let read = 0; read < 2; read++) answer(200);
    bench.observe({ kind: 'hook', key: 'E1', phase: 'ready', ok: true, detail: '' });
    // Frozen for 16 s, in which a balancer may have been restarted.
    answer(16_000);
    expect(bench.promise()).toBe('binding');
    answer(200);
    expect(bench.promise()).toBe('prepared');
  });

  it('is proven by looks that are always slow', () => {
    const bench = aboutToProve();
    for (let read = 0; read < 3; read++) {
      const token = bench.state.rotation.readToken ?? -1;
      bench.pass(4000);
      bench.observe({ kind: 'drain-read', token, clear: true, detail: '' });
    }
    expect(bench.hooks()).toContain('ready');
  });

  it('does not count before the balancers have had time to notice', () => {
    const bench = inRotation({ detectionMs: 5000 });
    bench.poll([event()]);
    bench.pass(4000);
    expect(bench.hooks()).toEqual(['seen']);
    bench.pass(2000);
    expect(bench.promise()).toBe('prepared');
  });

  it.each(['prepare', 'ready'] as const)('fails with its %s hook, and is tried again', (phase) => {
    const bench = inRotation();
    bench.isCooperative = false;
    let isBroken = true;
    const drive = (): void => {
      for (const action of bench.observe({ kind: 'tick' })) {
        if (action.kind === 'persist') bench.observe({ kind: 'persisted', revision: action.revision });
        if (action.kind === 'drain.start') bench.observe({ kind: 'turned-away', ok: true, detail: '' });
        if (action.kind === 'drain.read')
          bench.observe({ kind: 'drain-read', token: action.token, clear: true, detail: '' });
        if (action.kind !== 'hook') continue;
        const ok = !(isBroken && action.phase === phase);
        bench.observe({ kind: 'hook', key: 'E1', phase: action.phase, ok, detail: 'exited with status 1' });
      }
      // What the answers asked for is answered at the next step.
      const { rotation, revision } = bench.state;
      bench.observe({ kind: 'persisted', revision });
      bench.observe({ kind: 'turned-away', ok: true, detail: '' });
      if (rotation.readToken !== undefined)
        bench.observe({ kind: 'drain-read', token: rotation.readToken, clear: true, detail: '' });
      for (const running of bench.state.events['E1']?.runningHooks ?? []) {
        const ok = !(isBroken && running === phase);
        bench.observe({ kind: 'hook', key: 'E1', phase: running, ok, detail: 'exited with status 1' });
      }
    };
    bench.poll([event()]);
    bench.pass(10_000, drive);
    expect(bench.promise()).toBe('binding');
    expect(bench.hooks()).toContain('failed');
    isBroken = false;
    bench.pass(20_000, drive);
    expect(bench.promise()).toBe('prepared');
  });
});

describe('maintenance that the scheduler asks for', () => {
  const order = { kind: 'maintenance-drain', workId: 'W', attempt: 1, reason: 'patch', untilWallMs: 60_000 } as const;

  it('is drained for like an event, answered when proven, and given back on demand', () => {
    const bench = inRotation();
    bench.observe(order);
    bench.pass(3000);
    expect(bench.isIn()).toBe(false);
    expect(bench.actions).toContainEqual(expect.objectContaining({ kind: 'reply.drained', proven: true }));
    bench.observe({ kind: 'maintenance-restore', workId: 'W', attempt: 1 });
    expect(bench.isIn()).toBe(true);
    expect(bench.actions).toContainEqual({ kind: 'reply.restored', workId: 'W', attempt: 1 });
  });

  it('ends by itself when the scheduler never does', () => {
    const bench = inRotation();
    bench.observe(order);
    bench.pass(58_000);
    expect(bench.isIn()).toBe(false);
    bench.pass(3000);
    expect(bench.isIn()).toBe(true);
  });

  it('survives a crash', () => {
    const bench = inRotation();
    bench.observe(order);
    bench.pass(3000);
    const again = new Bench({}, lastDurable(bench));
    again.poll([]);
    expect(again.isIn()).toBe(false);
    expect(reasonsOut(again.state)).toEqual(['maintenance W: patch']);
  });

  it('does not bring the VM back while an event holds it', () => {
    const bench = inRotation();
    bench.observe(order);
    bench.poll([event()]);
    bench.observe({ kind: 'maintenance-restore', workId: 'W', attempt: 1 });
    bench.pass(5000, () => bench.poll([event()]));
    expect(bench.isIn()).toBe(false);
    expect(bench.count('reply.restored')).toBe(0);
    bench.pass(12_000, () => bench.poll([]));
    expect(bench.count('reply.restored')).toBe(1);
  });
});
