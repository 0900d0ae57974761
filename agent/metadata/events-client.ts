import type { PollResult } from '../core/observation.ts';
import { parseDocument } from './document.ts';
import { askMetadata, type MetadataAnswer } from './http.ts';

/**
 * Versions of the Scheduled Events API, newest first. A region may lag behind, so on 400 the next older one is tried.
 * Source: Azure docs, Scheduled Events, "Version and region availability".
 */
export const EVENT_API_VERSIONS = [
  '2020-07-01',
  '2019-08-01',
  '2019-04-01',
  '2019-01-01',
  '2017-11-01',
  '2017-08-01',
  '2017-03-01',
] as const;

/** The first request enables the service, which may take two minutes (Azure docs, "Enabling and disabling"). */
const FIRST_TIMEOUT_MS = 125_000;

/** Later answers come in milliseconds; a poll that hangs longer than a few periods is worth less than a new one. */
const TIMEOUT_MS = 4000;

export interface EventsClient {
  /** One poll, with If-None-Match. */
  poll(): Promise<PollResult>;
  /** A whole document, now, whatever was read before; never `unchanged`. */
  readFresh(): Promise<PollResult>;
  /** Approves one event. */
  approve(eventId: string): Promise<{ outcome: 'accepted' | 'refused' | 'unknown'; detail: string }>;
  /** The api-version in use. */
  version(): string;
}

/**
 * Reads and approves events at `endpoint` (`http://169.254.169.254`). Every failure is a result, none an exception.
 * `signal` ends waits for answers; the first may take minutes. `heard` is told every answer to a read.
 */
export function createEventsClient(
  endpoint: string,
  signal?: AbortSignal,
  heard: (answer: MetadataAnswer) => void = () => {},
): EventsClient {
  let index = 0;
  let isSettled = false;
  let etag: string | undefined;

  const version = (): string => EVENT_API_VERSIONS[index] ?? EVENT_API_VERSIONS[0];
  const urls = new Map<string, URL>();
  const url = (): URL => {
    const known = urls.get(version());
    if (known !== undefined) return known;
    const made = new URL(`/metadata/scheduledevents?api-version=${version()}`, endpoint);
    urls.set(version(), made);
    return made;
  };

  const read = async (conditional: boolean): Promise<PollResult> => {
    for (;;) {
      const sent = conditional ? etag : undefined;
      const answer = await askMetadata({
        method: 'GET',
        url: url(),
        headers: sent === undefined ? {} : { 'if-none-match': sent },
        timeoutMs: isSettled ? TIMEOUT_MS : FIRST_TIMEOUT_MS,
        signal,
        keepsConnection: conditional,
      });
      heard(answer);
      if (answer.kind === 'answer' && answer.status === 400 && !isSettled && index < EVENT_API_VERSIONS.length - 1) {
        index++;
        continue;
      }
      const result = interpret(answer, sent !== undefined);
      if (result.kind !== 'failed') isSettled = true;
      else if (answer.kind === 'answer' && answer.status === 400) {
        // Every version was refused, or the one in use suddenly is: look for one again, beginning with the newest.
        index = 0;
        isSettled = false;
      }
      if (result.kind === 'document') etag = answer.kind === 'answer' ? answer.etag : undefined;
      return result;
    }
  };

  return {
    poll: async () => await read(true),
    readFresh: async () => await read(false),
    approve: async (eventId) => {
      const answer = await askMetadata({
        method: 'POST',
        url: url(),
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ StartRequests: [{ EventId: eventId }] }),
        timeoutMs: TIMEOUT_MS,
        signal,
      });
      if (answer.kind === 'failed') return { outcome: 'unknown', detail: answer.reason };
      if (answer.status === 200) return { outcome: 'accepted', detail: '' };
      // Only a clear "no" is one; an error of the service says nothing about whether the approval was taken.
      return {
        outcome: answer.status === 400 ? 'refused' : 'unknown',
        detail: describeAnswer(answer.status, answer.text),
      };
    },
    version,
  };
}

function interpret(answer: MetadataAnswer, isConditional: boolean): PollResult {
  if (answer.kind === 'failed') return answer;
  if (answer.status === 304 && isConditional) return { kind: 'unchanged' };
  if (answer.status !== 200) return { kind: 'failed', reason: describeAnswer(answer.status, answer.text) };
  const parsed = parseDocument(answer.text);
  return parsed.kind === 'document' ? parsed : { kind: 'failed', reason: `no document: ${parsed.reason}` };
}

/** The beginning of the body says what the matter is; more of it would flood the log. */
function describeAnswer(status: number, text: string): string {
  const excerpt = text.replaceAll(/\s+/g, ' ').trim().slice(0, 120);
  return `the metadata service answered ${status}${excerpt === '' ? '' : `: ${excerpt}`}`;
}
