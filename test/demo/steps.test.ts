import { describe, expect, it } from 'vitest';
import { Ledger } from '../../demo/load/ledger.ts';
import { playStep } from '../../demo/play-step.ts';
import type { AnnouncedEvent, FrontEnd, Shop } from '../../demo/shop.ts';
import { freezeStep } from '../../demo/steps/freeze.ts';
import { rebootStep } from '../../demo/steps/reboot.ts';
import { redeployStep } from '../../demo/steps/redeploy.ts';
import { rollStep } from '../../demo/steps/roll.ts';
import type { Stage, Step } from '../../demo/steps/step.ts';
import { Timeline } from '../../demo/timeline/timeline.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A fleet that answers at once. What is announced or rolled changes it as `impact` says. */
class FakeShop implements Shop {
  readonly announced: AnnouncedEvent[] = [];
  readonly frontEnds = new Map<string, FrontEnd>();
  gapMs = 60;
  gapEndedAtMs = 0;
  workerPid = 500;
  workerBoot = 1;
  out = 0;
  approvals: { by: string }[] = [{ by: 'FrontEnd_IN_1' }];
  jobStatus = 'completed';
  impact: (shop: FakeShop) => void = () => {};

  constructor() {
    for (const index of [0, 1, 2]) {
      const vm = `FrontEnd_IN_${index}`;
      this.frontEnds.set(vm, { vm, pid: 100 + index, boot: 1, version: '1', found: { disk: [], temporary: [] } });
    }
  }

  change(vm: string, over: Partial<FrontEnd>): void {
    const known = this.frontEnds.get(vm);
    if (known !== undefined) this.frontEnds.set(vm, { ...known, ...over });
  }

  async untilWhole(): Promise<void> {
    await Promise.resolve();
  }

  async frontEnd(vm: string): Promise<FrontEnd> {
    return await Promise.resolve(this.frontEnds.get(vm) as FrontEnd);
  }

  async clockOf(): ReturnType<Shop['clockOf']> {
    return await Promise.resolve({ pid: 100, gapMs: this.gapMs, endedAtMs: this.gapEndedAtMs });
  }

  async worker(): ReturnType<Shop['worker']> {
    return await Promise.resolve({ pid: this.workerPid, boot: this.workerBoot });
  }

  async announce(event: AnnouncedEvent): Promise<string> {
    this.announced.push(event);
    this.impact(this);
    return await Promise.resolve('E1');
  }

  async untilOver(): ReturnType<Shop['untilOver']> {
    const story = { eventId: 'E1', state: 'completed', noticeMs: 30_000, noticeLeftMs: 26_100 };
    return await Promise.resolve({ ...story, approvals: this.approvals });
  }

  async runJob(): ReturnType<Shop['runJob']> {
    this.impact(this);
    return await Promise.resolve({ status: this.jobStatus, message: 'the task failed on FrontEnd_IN_1' });
  }

  async countOut(): Promise<number> {
    return await Promise.resolve(this.out);
  }
}

function createStage(shop: Shop): Stage & { clock: FakeClock } {
  return { shop, clock: new FakeClock(), signal: new AbortController().signal };
}

describe('the freeze', () => {
  it('is proven by a gap in the clock of the frozen process', async () => {
    const shop = new FakeShop();
    const stage = createStage(shop);
    shop.impact = () => {
      shop.gapMs = 3012;
      shop.gapEndedAtMs = stage.clock.now();
    };
    expect(await freezeStep.run(stage)).toEqual([
      'notice given 30.0 s, left at approval 26.1 s; approved by FrontEnd_IN_1',
      'process 100 of FrontEnd_IN_0 saw a gap of 3012 ms in its own clock, and lives on',
    ]);
    expect(shop.announced).toMatchObject([{ type: 'Freeze', resources: ['FrontEnd_IN_0'], durationSeconds: 3 }]);
  });

  it.each([
    ['shorter than the freeze', 2900, 1],
    ['older than the step', 3012, -1],
  ])('is not proven by a gap that is %s', async (_case, gapMs, sinceStartMs) => {
    const shop = new FakeShop();
    const stage = createStage(shop);
    shop.impact = () => {
      shop.gapMs = gapMs;
      shop.gapEndedAtMs = stage.clock.now() + sinceStartMs;
    };
    await expect(freezeStep.run(stage)).rejects.toThrow(
      'expected a gap of at least 3000 ms in the clock of process 100',
    );
  });

  it('has failed when nobody approved, because then the agents did nothing', async () => {
    const shop = new FakeShop();
    shop.approvals = [];
    await expect(freezeStep.run(createStage(shop))).rejects.toThrow('approved by nobody');
  });
});

describe('the reboot', () => {
  it('names both VMs in one event, and is proven by a new process on each', async () => {
    const shop = new FakeShop();
    shop.impact = () => {
      shop.change('FrontEnd_IN_1', { pid: 201, boot: 2 });
      Object.assign(shop, { workerPid: 501, workerBoot: 2 });
    };
    expect((await rebootStep.run(createStage(shop)))[1]).toBe(
      'FrontEnd_IN_1 was process 101, is 201; BackEnd_IN_1 was 500, is 501',
    );
    expect(shop.announced).toMatchObject([{ type: 'Reboot', resources: ['FrontEnd_IN_1', 'BackEnd_IN_1'] }]);
  });

  it('is not proven when one of them was not rebooted', async () => {
    const shop = new FakeShop();
    shop.impact = () => shop.change('FrontEnd_IN_1', { pid: 201, boot: 2 });
    await expect(rebootStep.run(createStage(shop))).rejects.toThrow(
      'expected BackEnd_IN_1 in another process than 500',
    );
  });
});

describe('the redeployment', () => {
  it('is proven by a kept disk and an empty temporary folder', async () => {
    const shop = new FakeShop();
    shop.impact = () => shop.change('FrontEnd_IN_2', { pid: 202, boot: 2, found: { disk: ['boot-1'], temporary: [] } });
    expect((await redeployStep.run(createStage(shop)))[1]).toContain('its temporary folder was empty');
  });

  it.each([
    ['the temporary folder survived', { disk: ['boot-1'], temporary: ['boot-1'] }],
    ['the disk was lost as well', { disk: [], temporary: [] }],
  ])('is not proven when %s', async (_case, found) => {
    const shop = new FakeShop();
    shop.impact = () => shop.change('FrontEnd_IN_2', { pid: 202, boot: 2, found });
    await expect(redeployStep.run(createStage(shop))).rejects.toThrow('nothing in its temporary folder');
  });
});

describe('the rolled job', () => {
  function patchAll(shop: FakeShop): void {
    for (const vm of shop.frontEnds.keys()) shop.change(vm, { version: '2' });
  }

  it('is proven by the new version on every instance', async () => {
    const shop = new FakeShop();
    shop.impact = patchAll;
    shop.out = 1;
    expect(await rollStep.run(createStage(shop))).toEqual([
      'version 2 answers on FrontEnd_IN_0, FrontEnd_IN_1, FrontEnd_IN_2 (before: 1, 1, 1); never more than one was out',
    ]);
  });

  it('has failed when more than one VM was out at a time', async () => {
    const shop = new FakeShop();
    shop.impact = patchAll;
    shop.out = 2;
    await expect(rollStep.run(createStage(shop))).rejects.toThrow('expected one VM out of service at a time, found 2');
  });

  it('has failed with the reason of the job', async () => {
    const shop = new FakeShop();
    shop.jobStatus = 'failed';
    await expect(rollStep.run(createStage(shop))).rejects.toThrow('the task failed on FrontEnd_IN_1');
  });
});

describe('playing a step', () => {
  const step: Step = {
    title: '(x) a step',
    run: async () => await Promise.resolve(['it happened']),
  };

  function createContext(): {
    printed: string[];
    ledger: Ledger;
    clock: FakeClock;
    play: () => ReturnType<typeof playStep>;
  } {
    const stage = createStage(new FakeShop());
    const printed: string[] = [];
    const ledger = new Ledger();
    const print = (text: string): void => {
      printed.push(text);
    };
    const timeline = new Timeline({ clock: stage.clock, hasColor: false, print, record: () => {} });
    const context = { stage, ledger, timeline, minimumRequests: 3, print };
    return { printed, ledger, clock: stage.clock, play: async () => await playStep(step, context) };
  }

  it('goes on until there were enough requests and each of them has had its end', async () => {
    const { printed, ledger, clock, play } = createContext();
    const playing = play();
    ledger.start().answered('a');
    ledger.start().answered('b');
    await clock.advance(1000);
    expect(printed).toHaveLength(1);

    const last = ledger.start();
    await clock.advance(1000);
    expect(printed).toHaveLength(1);
    last.accepted(1, clock.now());
    await clock.advance(1000);
    expect(printed).toHaveLength(1);

    ledger.done([1]);
    await clock.advance(1000);
    expect(await playing).toMatchObject({ title: '(x) a step', requests: 3, failed: 0, proofs: ['it happened'] });
    expect(printed.at(-1)).toMatch(/^ +requests 3, failed 0 /);
  });

  it('fails when the requests do not come', async () => {
    const { clock, play } = createContext();
    const outcome = play().catch((error: unknown) => (error as Error).message);
    await clock.advance(61_000);
    expect(await outcome).toBe('waited 60 s for 3 requests, in vain: there were 0');
  });
});
