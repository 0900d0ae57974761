// Answers every request at once; `/arrivals` gives, and forgets, when they came. Prints its port first. Speaks just as much
// HTTP as the benches need, with the headers that node:http would send: it shares the machine with what is measured, and each
// microsecond that it takes is one that a server elsewhere would not.
import { createServer, type AddressInfo, type Socket } from 'node:net';

const END_OF_HEAD = '\r\n\r\n';

let arrivals: number[] = [];
/** Both for this second. */
let answer: Buffer = Buffer.alloc(0);
let answerUntilMs = 0;

function answerNow(nowMs: number): Buffer {
  if (nowMs >= answerUntilMs) {
    answerUntilMs = Math.floor(nowMs / 1000) * 1000 + 1000;
    answer = answerOf('ok', nowMs);
  }
  return answer;
}

function answerOf(body: string, nowMs: number): Buffer {
  const lines = [
    'HTTP/1.1 200 OK',
    `Date: ${new Date(nowMs).toUTCString()}`,
    'Connection: keep-alive',
    'Keep-Alive: timeout=60',
    `Content-Length: ${body.length}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}${END_OF_HEAD}${body}`, 'latin1');
}

/** Requests have no bodies here; one with a body would be taken for nonsense. */
function take(socket: Socket, head: string): void {
  const nowMs = performance.timeOrigin + performance.now();
  if (head.startsWith('GET /arrivals ')) {
    socket.write(answerOf(JSON.stringify(arrivals), nowMs));
    arrivals = [];
  } else if (head.startsWith('GET ')) {
    arrivals.push(nowMs);
    socket.write(answerNow(nowMs));
  } else {
    socket.destroy(new Error(`no GET: ${head.slice(0, 80)}`));
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    rest += chunk;
    for (let end = rest.indexOf(END_OF_HEAD); end !== -1; end = rest.indexOf(END_OF_HEAD)) {
      take(socket, rest);
      rest = rest.slice(end + END_OF_HEAD.length);
    }
  });
  // The client is gone.
  socket.on('error', () => {});
});
server.listen(0, '127.0.0.1', 4096, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit());
