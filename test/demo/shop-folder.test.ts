import { chmod, cp, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyShop } from '../../demo/programs/shop-folder.ts';
import { readyFields } from '../../demo/programs/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forewarn-copy-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function modeOf(file: string): Promise<number> {
  return (await stat(path.join(folder, file))).mode & 0o777;
}

describe('the copy of the example fleet', () => {
  it('has hooks and tasks that only their owner may write, whatever the umask of the checkout was', async () => {
    const checkout = path.join(folder, 'checkout');
    await cp(path.join(root, 'examples'), path.join(checkout, 'examples'), { recursive: true });
    await chmod(path.join(checkout, 'examples/shop/hooks.d/prepare/10-stop-taking-traffic'), 0o775);
    await chmod(path.join(checkout, 'examples/shop/hooks.d'), 0o775);
    await chmod(path.join(checkout, 'examples/shop/tasks.d/patch'), 0o664);

    // As in a published package: the program is in dist, the examples beside it.
    await copyShop(path.join(checkout, 'dist'), path.join(folder, 'shop'));

    expect(await modeOf('shop/hooks.d')).toBe(0o755);
    expect(await modeOf('shop/hooks.d/prepare/10-stop-taking-traffic')).toBe(0o755);
    expect(await modeOf('shop/tasks.d/patch')).toBe(0o755);
    expect(await modeOf('shop/fleet.yaml')).toBe(0o644);
  });

  it('says where it looked when there is no example fleet', async () => {
    await mkdir(path.join(folder, 'dist'));
    await expect(copyShop(path.join(folder, 'dist'), path.join(folder, 'shop'))).rejects.toThrow(
      `expected the example fleet in ${folder}/dist/examples/shop or ${folder}/examples/shop`,
    );
  });
});

describe('the ready line of a program', () => {
  it('is the log line whose message is "ready"', () => {
    expect(readyFields('{"level":"info","listen":"127.0.0.1:1","msg":"ready"}')).toMatchObject({
      listen: '127.0.0.1:1',
    });
  });

  it.each(['ready', '{"msg":"not yet \\"ready\\""}', '{"ready"', 'null "ready"', '{"state":"ready","msg":"x"}'])(
    'is not %j',
    (line) => {
      expect(readyFields(line)).toBeUndefined();
    },
  );
});
