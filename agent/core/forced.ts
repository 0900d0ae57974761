import { isForced } from '../../common/agreement/record.ts';
import type { EventEntry } from './state.ts';

/**
 * An operator lets the event go ahead as this VM sees it, whoever has promised or not. Any VM named that has a part in the
 * agreement may then approve, also one that still drains and one whose policy leaves events to NotBefore: the operator of the
 * fleet has been told what is missing and has said so all the same. Every other rule stays (the fresh read, the intent, the
 * lease).
 */
export function isForcedHere({ promise, record }: Pick<EventEntry, 'promise' | 'record'>): boolean {
  const hasPart = promise.promise === 'binding' || promise.promise === 'prepared' || promise.promise === 'consented';
  return hasPart && record !== undefined && record.hash === promise.hash && isForced(record);
}
