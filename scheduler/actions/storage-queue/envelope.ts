import { formatMs } from '../../jobs/instant.ts';
import type { Claim } from '../../store/store.ts';

/**
 * What a queue receives around the job's message: the XML that consumers of the real service parse, elements in the order in
 * which its serializer wrote them (recorded messages). `ExecutionTag` is the same for every try of one occurrence.
 */
export function envelopeOf(
  { job, execution }: Claim,
  about: { readonly region: string; readonly message: string },
): string {
  const elements = [
    ['ExecutionTag', execution.key],
    ['ClientRequestId', execution.id],
    // Without an offset, as .NET writes a time of unspecified kind.
    ['ExpectedExecutionTime', formatMs(execution.dueMs).replace(/Z$/, '')],
    ['SchedulerJobId', job.job],
    ['SchedulerJobCollectionId', job.collection],
    ['Region', about.region],
    ['Message', about.message],
  ] as const;
  return [
    // Says UTF-16 although the bytes are UTF-8: it was written from a text in memory, and .NET's readers pass over it.
    '<?xml version="1.0" encoding="utf-16"?>',
    '<StorageQueueMessage xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
    ...elements.map(([name, value]) => (value === '' ? `  <${name} />` : `  <${name}>${escape(value)}</${name}>`)),
    '</StorageQueueMessage>',
  ].join('\r\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#xD;');
}
