import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDocument } from '../../../agent/metadata/document.ts';

const FOLDER = new URL('../../fixtures/metadata/', import.meta.url);
const DOCUMENTS = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.json') && !name.startsWith('error'))
  .toSorted();

describe('the golden documents of the metadata service', () => {
  it('are there: every event type and status in every version', () => {
    expect(DOCUMENTS.length).toBeGreaterThanOrEqual(70);
  });

  it.each(DOCUMENTS)('%s is read by the agent', (name) => {
    const text = readFileSync(new URL(name, FOLDER), 'utf8');
    const sent = JSON.parse(text) as { DocumentIncarnation: number; Events: { EventId: string; NotBefore: string }[] };
    const read = parseDocument(text);
    if (read.kind !== 'document') throw new Error(`expected a document, got ${JSON.stringify(read)}`);
    expect(read.document.incarnation).toBe(sent.DocumentIncarnation);
    expect(read.document.events.map((event) => event.eventId)).toEqual(sent.Events.map((event) => event.EventId));
    expect(read.document.events.map((event) => event.notBeforeMs)).toEqual(
      sent.Events.map((event) => (event.NotBefore === '' ? undefined : Date.parse(event.NotBefore))),
    );
  });
});
