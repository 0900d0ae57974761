import { expect, it } from 'vitest';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import { memoryStore } from '../../support/scheduler-store.ts';

it('a record of a newer version is refused in one line, and never taken for none', async () => {
  const { agreements } = await memoryStore();
  const record: AgreementRecord = {
    scope: 'shop',
    eventId: 'E1',
    eventType: 'Reboot',
    phase: 'preparing',
    hash: 'h',
    resources: ['web_0'],
    intent: undefined,
    everIntent: false,
    lease: undefined,
    term: 0,
    members: {},
  };
  const newer = { ...record, novelty: 1 } as AgreementRecord;
  expect(await agreements.write(newer, 0, 1)).toBe(true);
  const refusal = {
    name: 'UserError',
    message: 'the store\'s record of event E1 of scope shop cannot be read (Unrecognized key: "novelty")',
    hint: expect.stringContaining('newer version') as string,
  };
  await expect(agreements.read('shop', 'E1')).rejects.toMatchObject(refusal);
  await expect(agreements.list(10)).rejects.toMatchObject(refusal);
});
