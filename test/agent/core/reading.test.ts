import { describe, expect, it } from 'vitest';
import { event, inRotation, prepared } from './bench.ts';

describe('what the platform shows', () => {
  it.each([
    ['a cloud service', 'FrontEnd_IN_0', 'frontend_in_0'],
    ['the preview of 2017, with an underscore before it', 'FrontEnd_IN_0', '_FrontEnd_IN_0'],
    ['a scale set', 'web_17', 'WEB_17'],
  ])('names this VM as in %s, in any case of letters', (_name, own, named) => {
    const bench = inRotation({ identity: { scope: 's', name: own, vmId: 'id0' } });
    bench.poll([event({ resources: [named, named.toUpperCase()] })]);
    expect(bench.isIn()).toBe(false);
    bench.pass(2000, () => bench.poll([event({ resources: [named, named.toUpperCase()] })]));
    // Named twice is named once: alone, so nobody else is asked.
    expect(bench.count('read-fresh')).toBe(1);
  });

  it.each([
    ['a name that begins alike', 'web_10'],
    ['a name that ends alike', 'my-web_1'],
    ['a name with other digits', 'web_01'],
  ])('does not name this VM with %s', (_name, named) => {
    const bench = inRotation({ identity: { scope: 's', name: 'web_1', vmId: 'id0' } });
    bench.poll([event({ resources: [named] })]);
    expect(bench.isIn()).toBe(true);
  });

  it('may skip incarnations, and whole phases of an event with them', () => {
    const bench = inRotation();
    bench.poll([event()], 2);
    bench.pass(2000, () => bench.poll([event()], 2));
    expect(bench.promise()).toBe('prepared');
    bench.pass(12_000, () => bench.poll([], 9));
    expect(bench.isIn()).toBe(true);
  });

  it('may begin to count anew, and go on with the event, which is then the same', () => {
    const bench = prepared();
    bench.poll([event()], 40);
    bench.pass(20_000, () => bench.poll([event()], 1));
    expect(bench.promise()).toBe('prepared');
    expect(bench.hooks()).toEqual(['seen', 'prepare', 'ready']);
  });

  it('may name this VM no longer: what was promised holds until the event is gone', () => {
    const bench = prepared();
    bench.pass(20_000, () => bench.poll([event({ resources: ['vm_1'] })]));
    expect(bench.isIn()).toBe(false);
    bench.pass(12_000, () => bench.poll([]));
    expect(bench.isIn()).toBe(true);
  });

  it('may go back from Started to nothing and show the event again: it is drained for anew', () => {
    const bench = prepared();
    bench.pass(12_000, () => bench.poll([]));
    expect(bench.isIn()).toBe(true);
    bench.poll([event()]);
    expect(bench.isIn()).toBe(false);
  });

  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('is taken for what it is although the wall clock is set an hour %s', (_name, errorMs) => {
    const bench = prepared();
    bench.wallErrorMs = errorMs;
    bench.pass(9000, () => bench.poll([]));
    expect(bench.isIn()).toBe(false);
    bench.pass(3000, () => bench.poll([]));
    expect(bench.isIn()).toBe(true);
    bench.poll([event({ eventId: 'E2' })]);
    bench.wallErrorMs = 0;
    bench.pass(3000, () => bench.poll([event({ eventId: 'E2' })]));
    expect(bench.state.events['E2']?.promise.promise).toBe('prepared');
  });
});
