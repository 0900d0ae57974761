import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { DEFAULT_ACTION_SETTINGS } from '../../../scheduler/actions/settings.ts';
import { formatKeys, newKey } from '../../../scheduler/secrets/key-ring.ts';
import { runningScheduler } from '../../support/running-scheduler.ts';
import { apiOf, SHOP } from '../../support/scheduler-api.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { sendGenerated } from './generated-requests.ts';

/** The same in every run, so that a failure is seen again. CI sends more of them (`.ci/run`). */
const SEED = 1;
const REQUESTS = Number(process.env['FOREWARN_GENERATED_REQUESTS'] ?? 5000);
/** A second for a thousand, on a machine that does twenty other things. */
const TIME_LIMIT_MS = 600_000;

it(
  `answers ${REQUESTS} generated requests without one failure of its own, and each refusal names field, value and rule`,
  async () => {
    const file = path.join(temporaryFolder(), 'key');
    writeFileSync(file, formatKeys([newKey()]));
    const { url } = await runningScheduler({
      keyFile: { file, setting: 'secrets.keyFile' },
      // Some of the jobs run; their queues and tokens are nobody's.
      actions: {
        ...DEFAULT_ACTION_SETTINGS,
        authority: 'https://127.0.0.1:1',
        storageQueueEndpoint: 'http://127.0.0.1:1/{account}',
        serviceBusAmqp: 'amqp://127.0.0.1:1',
        serviceBusRest: 'http://127.0.0.1:1',
      },
    });
    const shop = SHOP.replace('Sub1', 'S').replace('Group1', 'G').replace('Shop', 'shop');
    await apiOf(url).call('put', shop, { properties: { sku: { name: 'P20Premium' } } });
    const { statuses, violations } = await sendGenerated(url, REQUESTS, SEED);
    expect(violations).toEqual([]);
    // All kinds of answers came: the requests are neither all good nor all bad.
    for (const status of [200, 201, 400, 404]) expect(statuses[status]).toBeGreaterThan(50);
  },
  TIME_LIMIT_MS,
);
