// The shop's queue, in memory, on loopback: FrontEnd puts orders in, BackEnd takes them out.
//
//   POST /hello     {"vm", "pid", "boot"}: 200; a worker has started
//   POST /work      an order: 201 {"id"}
//   POST /take      {"vm", "pid", "boot", "waitMs"}: 200 {"id", "order"}, or 204 when none came within waitMs
//   POST /done      {"id", "vm"}: 200
//   GET  /finished?after=N&waitMs=M   orders done since number N: {"cursor", "ids"}; waits up to M ms for the first
//   GET  /status    {"accepted", "waiting", "inHand", "done", "workers": {VM: {"pid", "boot", "clock"}}}
//
// Every order is handed out exactly once. There is no second delivery on purpose: whoever is killed with an order in hand has
// lost it for good, and it shows.
import { createServer } from 'node:http';

const host = '127.0.0.1';
const port = Number(process.env.SHOP_QUEUE_PORT ?? 7090);

/** More waiting orders than this means that no worker is left; new ones are refused instead of filling the memory. */
const MAX_WAITING = 100_000;
/** How many finished orders are remembered for whoever asks later. */
const MAX_FINISHED = 100_000;
const MAX_BODY_BYTES = 16 * 1024;
/** Longest a question may wait for an answer. */
const MAX_WAIT_MS = 10_000;

const waiting = [];
const inHand = new Map();
const finished = [];
let finishedBefore = 0; // how many finished orders were forgotten
const takers = new Set();
const watchers = new Set();
const workers = {};
let lastId = 0;

const routes = {
  'POST /hello': ({ vm, pid, boot }, _query, reply) => {
    workers[vm] = { pid, boot };
    reply(200, {});
  },
  'POST /work': (order, _query, reply) => {
    if (waiting.length >= MAX_WAITING) {
      reply(503, { error: `${MAX_WAITING} orders wait already` });
      return;
    }
    const item = { id: ++lastId, order };
    reply(201, { id: item.id });
    const taker = takers.values().next().value;
    if (taker === undefined) waiting.push(item);
    else taker(item);
  },
  'POST /take': ({ vm, pid, boot, clock, waitMs }, _query, reply) => {
    workers[vm] = { pid, boot, clock };
    const give = (item) => {
      inHand.set(item.id, vm);
      reply(200, item);
    };
    const item = waiting.shift();
    if (item !== undefined) give(item);
    else waitFor(takers, { waitMs, reply, onNews: give, onNone: () => reply(204) });
  },
  'POST /done': ({ id }, _query, reply) => {
    if (!inHand.delete(id)) {
      reply(409, { error: `order ${id} is in nobody's hands` });
      return;
    }
    finished.push(id);
    if (finished.length > MAX_FINISHED) finishedBefore += finished.splice(0, MAX_FINISHED / 2).length;
    reply(200, {});
    for (const watcher of watchers) watcher();
  },
  'GET /finished': (_body, query, reply) => {
    const after = Number(query.get('after') ?? 0);
    const news = () =>
      reply(200, {
        cursor: finishedBefore + finished.length,
        ids: finished.slice(Math.max(0, after - finishedBefore)),
      });
    if (finishedBefore + finished.length > after) news();
    else waitFor(watchers, { waitMs: Number(query.get('waitMs') ?? 0), reply, onNews: news, onNone: news });
  },
  'GET /status': (_body, _query, reply) => {
    reply(200, {
      accepted: lastId,
      waiting: waiting.length,
      inHand: inHand.size,
      done: finishedBefore + finished.length,
      workers,
    });
  },
};

const server = createServer((incoming, outgoing) => {
  const reply = (status, value) => {
    const body = value === undefined ? '' : JSON.stringify(value);
    outgoing.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    outgoing.end(body);
  };
  reply.onGone = (callback) => outgoing.on('close', callback);
  // Pages in a browser have no business here; programs send no Origin.
  if (incoming.headers.origin !== undefined) {
    reply(403, { error: 'not for pages' });
    return;
  }
  const url = new URL(incoming.url ?? '/', `http://${host}`);
  const route = routes[`${incoming.method} ${url.pathname}`];
  if (route === undefined) {
    reply(404, { error: `nothing at ${incoming.method} ${url.pathname}` });
    return;
  }
  readJson(incoming, (error, body) => {
    if (error !== undefined) reply(400, { error });
    else route(body, url.searchParams, reply);
  });
});
// As in front-end.mjs: a timer must not close a kept connection that a client is about to use.
server.keepAliveTimeout = 0;
server.on('error', (error) => {
  process.stderr.write(`queue: cannot listen on ${host}:${port} (SHOP_QUEUE_PORT): ${error.message}\n`);
  process.exit(2);
});
server.listen(port, host, () => {
  const ready = { msg: 'ready', program: 'queue', listen: `${host}:${server.address().port}` };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));

/** Puts a question into `list` until there is news, its time is over, or whoever asked has gone. */
function waitFor(list, { waitMs, reply, onNews, onNone }) {
  const leave = () => {
    clearTimeout(timer);
    list.delete(wake);
  };
  const wake = (news) => {
    leave();
    onNews(news);
  };
  const timer = setTimeout(
    () => {
      leave();
      onNone();
    },
    Math.min(Number(waitMs) || 0, MAX_WAIT_MS),
  );
  list.add(wake);
  reply.onGone(leave);
}

function readJson(incoming, callback) {
  const chunks = [];
  let length = 0;
  incoming.on('error', () => {});
  incoming.on('data', (chunk) => {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  });
  incoming.on('end', () => {
    if (length > MAX_BODY_BYTES) {
      callback(`expected at most ${MAX_BODY_BYTES} bytes, got ${length}`);
      return;
    }
    let body;
    try {
      body = length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'));
    } catch (error) {
      callback(`expected JSON: ${error.message}`);
      return;
    }
    callback(undefined, body);
  });
}
