import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { seededRandom } from '../../common/runtime/random.ts';
import { createPortPicker } from '../../emulator/free-ports.ts';

it('picks free ports, each once, below those that outgoing connections take', async () => {
  const picker = await createPortPicker(seededRandom(7));
  const ports = await Promise.all(Array.from({ length: 20 }, async () => await picker.pick()));
  expect(new Set(ports).size).toBe(20);
  for (const port of ports) expect(port).toBeGreaterThanOrEqual(10_000);

  const outgoing = createServer();
  await new Promise<void>((resolve) => outgoing.listen(0, '127.0.0.1', resolve));
  const ephemeral = (outgoing.address() as AddressInfo).port;
  outgoing.close();
  for (const port of ports) expect(port).toBeLessThan(ephemeral);
});

it('leaves out a port that somebody listens on', async () => {
  const first = await (await createPortPicker(seededRandom(8))).pick();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(first, '127.0.0.1', resolve));
  try {
    // The same seed would give the same port again.
    expect(await (await createPortPicker(seededRandom(8))).pick()).not.toBe(first);
  } finally {
    server.close();
  }
});
