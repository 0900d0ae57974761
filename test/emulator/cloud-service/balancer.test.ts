import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../common/runtime/clock.ts';
import { startBalancer, type Balancer } from '../../../emulator/cloud-service/balancer.ts';
import { createPool, type Pool } from '../../../emulator/cloud-service/pool.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface FakeVm {
  readonly name: string;
  readonly servesPort: number;
  readonly probePort: number;
  probeStatus: number;
  readonly sockets: Set<Socket>;
}

/** An instance whose application handles a connection with `serve`. */
async function startVm(name: string, serve: (socket: Socket) => void): Promise<FakeVm> {
  const sockets = new Set<Socket>();
  const app = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  const gate = createHttpServer((_request, response) => {
    response.writeHead(vm.probeStatus).end();
  });
  const vm: FakeVm = {
    name,
    servesPort: await listening(app),
    probePort: await listening(gate),
    probeStatus: 200,
    sockets,
  };
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    app.close();
    gate.closeAllConnections();
    gate.close();
  });
  return vm;
}

async function listening(server: Server | HttpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

interface Balanced {
  readonly balancer: Balancer;
  readonly pool: Pool;
  readonly until: (vm: string, isUp: boolean) => Promise<void>;
}

async function balance(...vms: readonly FakeVm[]): Promise<Balanced> {
  const waiting = new Set<() => void>();
  const pool = createPool({
    probe: { path: '/', intervalMs: 20, threshold: 2 },
    clock: systemClock,
    onChange: () => {
      for (const wake of waiting) wake();
      waiting.clear();
    },
  });
  pool.setInstances(vms.map(({ name, servesPort, probePort }) => ({ vm: name, servesPort, probePort })));
  const balancer = await startBalancer({ listen: { host: '127.0.0.1', port: 0 }, setting: 'test', pool: () => pool });
  closers.push(async () => {
    await balancer.close();
    await pool.close();
  });
  const until = async (vm: string, isUp: boolean): Promise<void> => {
    while (pool.status().find((found) => found.vm === vm)?.isUp !== isUp) {
      await new Promise<void>((resolve) => {
        waiting.add(resolve);
      });
    }
  };
  return { balancer, pool, until };
}

function open(balancer: Balancer): Socket {
  const socket = connect({ host: '127.0.0.1', port: balancer.address.port, allowHalfOpen: true });
  closers.push(() => {
    socket.destroy();
  });
  return socket;
}

async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  return await new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('end', () => {
      resolve(Buffer.concat(chunks).toString());
    });
  });
}

const sayName = (name: string) => (socket: Socket) => {
  socket.end(name);
};

describe('the public address', () => {
  it('gives new connections only to instances whose probe answers', async () => {
    const [a, b] = [await startVm('a', sayName('a')), await startVm('b', sayName('b'))];
    const { balancer, until } = await balance(a, b);
    await Promise.all([until('a', true), until('b', true)]);
    a.probeStatus = 503;
    await until('a', false);
    const answers = await Promise.all(Array.from({ length: 20 }, async () => await received(open(balancer))));
    expect(new Set(answers)).toEqual(new Set(['b']));
    a.probeStatus = 200;
    await until('a', true);
    const later = await Promise.all(Array.from({ length: 40 }, async () => await received(open(balancer))));
    expect(new Set(later)).toEqual(new Set(['a', 'b']));
  });

  it('lets a flow that exists go on while the probe fails', async () => {
    const a = await startVm('a', (socket) => {
      socket.pipe(socket);
    });
    const { balancer, until } = await balance(a);
    await until('a', true);
    const flow = open(balancer);
    flow.write('before ');
    await new Promise((resolve) => flow.once('data', resolve));
    a.probeStatus = 503;
    await until('a', false);
    flow.end('after');
    expect(await received(flow)).toBe('after');
  });

  it('resets new connections when no instance is healthy', async () => {
    const a = await startVm('a', sayName('a'));
    a.probeStatus = 500;
    const { balancer } = await balance(a);
    await expect(received(open(balancer))).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(a.sockets.size).toBe(0);
  });

  it('does not try another instance when a connection to the chosen one fails', async () => {
    const a = await startVm('a', sayName('a'));
    const dead = { ...a, name: 'dead', servesPort: 1 };
    const { balancer, until } = await balance(dead);
    await until('dead', true);
    await expect(received(open(balancer))).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('ends each direction by itself: an answer comes after the request has ended', async () => {
    const a = await startVm('a', (socket) => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('end', () => socket.end(`got ${Buffer.concat(chunks).toString()}`));
    });
    const { balancer, until } = await balance(a);
    await until('a', true);
    const flow = open(balancer);
    flow.end('all of it');
    expect(await received(flow)).toBe('got all of it');
  });

  it('breaks the client when the instance breaks in the middle', async () => {
    const a = await startVm('a', (socket) => {
      socket.write('half', () => socket.resetAndDestroy());
    });
    const { balancer, until } = await balance(a);
    await until('a', true);
    await expect(received(open(balancer))).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('breaks the instance when the client breaks in the middle', async () => {
    const broken = Promise.withResolvers<void>();
    const a = await startVm('a', (socket) => {
      socket.on('close', () => {
        broken.resolve();
      });
      socket.resume();
    });
    const { balancer, until } = await balance(a);
    await until('a', true);
    const flow = open(balancer);
    flow.on('error', () => {});
    await new Promise<void>((resolve) =>
      flow.write('half', () => {
        resolve();
      }),
    );
    flow.resetAndDestroy();
    await broken.promise;
  });

  it('waits for a slow reader instead of keeping what it has not read', async () => {
    const total = 32 * 1024 * 1024;
    let source: Socket | undefined;
    const a = await startVm('a', (socket) => {
      source = socket;
      socket.write(Buffer.alloc(total));
    });
    const { balancer, until } = await balance(a);
    await until('a', true);
    const flow = open(balancer);
    flow.pause();
    await new Promise((resolve) => flow.once('readable', resolve));
    // The kernel's buffers of two connections hold some megabytes; the rest stays with the sender.
    expect(source?.writableLength).toBe(total);
    let length = 0;
    await new Promise<void>((resolve) => {
      flow.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length === total) resolve();
      });
      flow.resume();
    });
  });
});
