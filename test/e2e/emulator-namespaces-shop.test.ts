import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startForewarn, startProgram, type RunningProgram } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const WITHIN = { timeout: 40_000, interval: 200 } as const;
const hasNamespaces = process.getuid?.() === 0 && spawnSync('ip', ['-V']).status === 0;
/** In CI a missing `ip` is a failure: the tests must not turn green by not running. */
const runs = hasNamespaces || process.env['CI'] === 'true';
const needs = hasNamespaces ? '' : ' (needs: root, and apt-get install iproute2)';

async function started(program: Promise<RunningProgram>): Promise<RunningProgram> {
  const running = await program;
  onTestFinished(async () => {
    await running.stop();
  });
  return running;
}

/** Agents refuse hooks that others can write, which a checkout's umask may have made so. */
function shopIn(folder: string): string {
  const shop = path.join(folder, 'shop');
  cpSync(path.join(ROOT, 'examples/shop'), shop, { recursive: true });
  for (const name of readdirSync(shop, { recursive: true, encoding: 'utf8' })) {
    const file = path.join(shop, name);
    chmodSync(file, statSync(file).mode & 0o755);
  }
  return shop;
}

interface EventAnswer {
  readonly eventId: string;
  readonly state: string;
  readonly approvals: readonly { readonly by: string }[];
}

describe.skipIf(!runs)(`the shop with a network for each VM${needs}`, () => {
  it(
    'agrees on a reboot of two VMs through the scheduler that is forwarded to them',
    { timeout: 150_000 },
    async () => {
      const folder = temporaryFolder();
      const shop = shopIn(folder);
      const queue = await started(startProgram([path.join(shop, 'queue.mjs')], { SHOP_QUEUE_PORT: '0' }));
      const settings = { FOREWARN_SCHEDULER_PORT: '0', SHOP_SCHEDULER_FOLDER: folder };
      const scheduler = await started(
        startForewarn(['scheduler', '--config', path.join(shop, 'scheduler.yaml')], settings),
      );
      const emulator = await started(
        startForewarn(['emulator', '--fleet', path.join(shop, 'fleet.yaml')], {
          SHOP_NETWORK: 'namespaces',
          SHOP_QUEUE_URL: `http://${queue.ready['listen'] as string}`,
          SHOP_SCHEDULER_URL: `http://${scheduler.ready['listen'] as string}`,
          SHOP_FOLDER: path.join(folder, 'vms'),
          SHOP_PORT: '0',
          FOREWARN_CONTROL_PORT: '0',
        }),
      );
      const control = emulator.ready['control'] as string;
      const ask = async (what: string, body?: unknown): Promise<unknown> => {
        const posted = { method: 'POST', headers: { 'x-forewarn': 'true', 'content-type': 'application/json' } };
        const response = await fetch(
          `${control}/${what}`,
          body === undefined ? {} : { ...posted, body: JSON.stringify(body) },
        );
        return await response.json();
      };
      const serving = async (): Promise<readonly string[]> => {
        const { vms } = (await ask('fleet')) as { vms: { name: string; isServing: boolean | null }[] };
        return vms.filter((vm) => vm.isServing === true).map((vm) => vm.name);
      };
      await expect.poll(serving, WITHIN).toHaveLength(3);
      // An order goes from the public address through a VM to the queue, and from there to a worker.
      const order = await fetch(emulator.ready['public'] as string, { signal: AbortSignal.timeout(5000) });
      expect(await order.json()).toMatchObject({ vm: expect.stringMatching(/^FrontEnd_IN_\d$/) as string });

      const resources = ['FrontEnd_IN_1', 'BackEnd_IN_1'];
      const { eventId } = (await ask('events', { type: 'Reboot', resources })) as EventAnswer;
      const event = async (): Promise<EventAnswer | undefined> =>
        ((await ask('events')) as { events: EventAnswer[] }).events.find((found) => found.eventId === eventId);
      await expect.poll(async () => (await event())?.state, WITHIN).toBe('completed');
      const by = (await event())?.approvals.map((approval) => approval.by) ?? [];
      expect(by.length, readFileSync(path.join(folder, 'vms/FrontEnd_IN_1/console.log'), 'utf8')).toBeGreaterThan(0);
      expect(resources).toContain(by[0]);
      await expect.poll(serving, WITHIN).toHaveLength(3);
    },
  );
});
