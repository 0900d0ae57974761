import { describe, expect, it } from 'vitest';
import { subjectHash } from '../../../common/agreement/names.ts';
import { event, fresh, inRotation, prepared } from './bench.ts';

describe('an event', () => {
  it('that names other VMs only is none of this VM’s business', () => {
    const bench = inRotation();
    bench.poll([event({ resources: ['vm_1'] })]);
    expect(bench.actions).toEqual([]);
    expect(bench.isIn()).toBe(true);
  });

  it('drains, proves, promises, and only then is approved after a read of its own', () => {
    const bench = prepared();
    expect(bench.hooks()).toEqual(['seen', 'prepare', 'ready']);
    expect(bench.count('post')).toBe(0);
    const read = bench.actions.find((action) => action.kind === 'read-fresh');
    if (read?.kind !== 'read-fresh') throw new Error('no fresh read was asked for');
    bench.observe(fresh(read.token, [event()]));
    expect(bench.count('post')).toBe(1);
  });

  it.each([
    ['is gone', []],
    ['has started', [event({ status: 'Started', notBeforeMs: undefined })]],
    ['names another VM too', [event({ resources: ['vm_0', 'vm_1'] })]],
    ['has a status that nobody knows', [event({ status: 'Paused' })]],
  ])('is not approved when the fresh read shows that it %s', (_name, events) => {
    const bench = prepared();
    const read = bench.actions.find((action) => action.kind === 'read-fresh');
    if (read?.kind !== 'read-fresh') throw new Error('no fresh read was asked for');
    bench.observe(fresh(read.token, events));
    expect(bench.count('post')).toBe(0);
  });

  it('is not approved on a failed or an unchanged fresh read, which is made again', () => {
    for (const kind of ['failed', 'unchanged'] as const) {
      const bench = prepared();
      const read = bench.actions.find((action) => action.kind === 'read-fresh');
      if (read?.kind !== 'read-fresh') throw new Error('no fresh read was asked for');
      const result = kind === 'failed' ? ({ kind, reason: '' } as const) : ({ kind } as const);
      bench.observe({ kind: 'read', token: read.token, result });
      expect(bench.count('post')).toBe(0);
      bench.pass(2000, () => bench.poll([event()]));
      expect(bench.count('read-fresh')).toBe(2);
    }
  });

  it('reads again before it repeats an approval that got no answer', () => {
    const bench = prepared();
    const read = bench.actions.find((action) => action.kind === 'read-fresh');
    if (read?.kind !== 'read-fresh') throw new Error('no fresh read was asked for');
    bench.observe(fresh(read.token, [event()]));
    const post = bench.actions.find((action) => action.kind === 'post');
    if (post?.kind !== 'post') throw new Error('nothing was approved');
    bench.observe({ kind: 'posted', token: post.token, outcome: 'unknown', detail: '' });
    bench.pass(2000, () => bench.poll([event()]));
    expect(
      bench.actions.flatMap((action) => (action.kind === 'read-fresh' || action.kind === 'post' ? action.kind : [])),
    ).toEqual(['read-fresh', 'post', 'read-fresh']);
  });

  it('promises nothing and approves nothing while the journal cannot be written, but is drained for', () => {
    const bench = inRotation();
    bench.persists = false;
    bench.poll([event()]);
    bench.pass(20_000, () => bench.poll([event()]));
    expect(bench.isIn()).toBe(false);
    expect(bench.promise()).toBe('binding');
    expect(bench.count('read-fresh')).toBe(0);
    bench.persists = true;
    bench.pass(3000, () => bench.poll([event()]));
    expect(bench.promise()).toBe('prepared');
    expect(bench.count('read-fresh')).toBe(1);
  });

  it('that started without notice is drained for at once, promised nothing about and never approved', () => {
    const bench = inRotation({ hasCoordinator: true });
    const started = event({ status: 'Started', notBeforeMs: undefined });
    bench.poll([started]);
    bench.pass(20_000, () => bench.poll([started]));
    expect(bench.promise()).toBe('none');
    expect(bench.isIn()).toBe(false);
    expect(bench.count('submit') + bench.count('read-fresh')).toBe(0);
    bench.pass(12_000, () => bench.poll([]));
    expect(bench.isIn()).toBe(true);
  });

  it('that names other VMs than before is promised about anew, without coming back in between', () => {
    const bench = prepared();
    bench.poll([event({ resources: ['vm_0', 'vm_1'] })], 2);
    expect(bench.isIn()).toBe(false);
    expect(bench.state.events['E1']?.promise).toMatchObject({ promise: 'prepared', number: 5 });
    expect(bench.state.events['E1']?.promise.hash).toBe(subjectHash(event({ resources: ['vm_1', 'VM_0'] })));
  });

  it('two events hold the VM until both have ended', () => {
    const bench = prepared();
    const second = event({ eventId: 'E2' });
    bench.poll([event(), second]);
    bench.pass(15_000, () => bench.poll([second]));
    expect(bench.promise()).toBe('released');
    expect(bench.isIn()).toBe(false);
    expect(bench.hooks()).not.toContain('restored');
    bench.pass(15_000, () => bench.poll([]));
    expect(bench.isIn()).toBe(true);
    expect(bench.hooks().filter((phase) => phase === 'restored')).toHaveLength(2);
  });

  it('whose approval turned out to be for other VMs than agreed raises an alarm', () => {
    const bench = prepared();
    const read = bench.actions.find((action) => action.kind === 'read-fresh');
    if (read?.kind !== 'read-fresh') throw new Error('no fresh read was asked for');
    bench.observe(fresh(read.token, [event()]));
    const post = bench.actions.find((action) => action.kind === 'post');
    if (post?.kind !== 'post') throw new Error('nothing was approved');
    bench.observe({ kind: 'posted', token: post.token, outcome: 'accepted', detail: '' });
    const compare = bench.actions.findLast((action) => action.kind === 'read-fresh');
    if (compare?.kind !== 'read-fresh') throw new Error('nothing was compared');
    bench.observe(fresh(compare.token, [event({ resources: ['vm_0', 'vm_9'] })]));
    const alarm = bench.actions.find((action) => action.kind === 'log' && action.level === 'error');
    expect(alarm).toMatchObject({ detail: 'agreed: vm_0; now: vm_0, vm_9' });
  });
});
