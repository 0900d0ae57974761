import { describe, expect, it } from 'vitest';
import { envelopeOf } from '../../../../scheduler/actions/storage-queue/envelope.ts';
import { claimOf } from '../../../support/action-target.ts';

const claim = claimOf({ type: 'Http', request: { uri: 'http://localhost/', method: 'GET' } });

describe('the envelope of a queue message', () => {
  it('is the XML that consumers of the real service parse', () => {
    expect(envelopeOf(claim, { region: 'West Europe', message: 'membership' }).split('\r\n')).toEqual([
      '<?xml version="1.0" encoding="utf-16"?>',
      '<StorageQueueMessage xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
      `  <ExecutionTag>${'f'.repeat(32)}</ExecutionTag>`,
      '  <ClientRequestId>e1</ClientRequestId>',
      '  <ExpectedExecutionTime>1970-01-01T00:00:01</ExpectedExecutionTime>',
      '  <SchedulerJobId>Nightly</SchedulerJobId>',
      '  <SchedulerJobCollectionId>Shop</SchedulerJobCollectionId>',
      '  <Region>West Europe</Region>',
      '  <Message>membership</Message>',
      '</StorageQueueMessage>',
    ]);
  });

  it('escapes what XML would take for its own', () => {
    expect(envelopeOf(claim, { region: '', message: '</Message>&\r\n"é' })).toContain(
      '<Region />\r\n  <Message>&lt;/Message&gt;&amp;&#xD;\n"é</Message>',
    );
  });
});
