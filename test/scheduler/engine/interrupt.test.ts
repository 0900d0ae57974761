import { expect, it } from 'vitest';
import { Interrupt } from '../../../scheduler/engine/interrupt.ts';

it('is requested once, whoever listens in whatever way', () => {
  const interrupt = new Interrupt();
  const heard: string[] = [];
  const { signal } = interrupt;
  signal.addEventListener('abort', () => heard.push('signal'));
  interrupt.listen(() => heard.push('listener'));
  expect(interrupt.isRequested).toBe(false);
  interrupt.request();
  interrupt.request();
  expect(interrupt.isRequested).toBe(true);
  expect(heard).toEqual(['signal', 'listener']);
});

it('tells nobody who no longer listens, and gives a signal that has aborted to who asks late', () => {
  const interrupt = new Interrupt();
  const heard: string[] = [];
  interrupt.listen(() => heard.push('listener'));
  interrupt.listen(undefined);
  interrupt.request();
  expect(heard).toEqual([]);
  expect(interrupt.signal.aborted).toBe(true);
});

it('follows a signal, also one that has aborted', () => {
  const stopping = new AbortController();
  const interrupt = Interrupt.by(stopping.signal);
  expect(interrupt.isRequested).toBe(false);
  stopping.abort();
  expect(interrupt.isRequested).toBe(true);
  expect(Interrupt.by(stopping.signal).isRequested).toBe(true);
});
