import { connect, type Socket } from 'node:net';

/** As many as keep one server process busy without making it queue. */
const CONNECTIONS = 8;

/**
 * Sends the same request over and over on kept connections, one at a time on each, and counts the answers in `ms`.
 * Raw sockets, because an HTTP client costs several times what the servers under test do.
 */
export async function countAnswers(url: URL, ms: number): Promise<number> {
  const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nMetadata: true\r\n\r\n`;
  let answers = 0;
  let isOver = false;
  const drive = async (): Promise<Socket> =>
    await new Promise((resolve, reject) => {
      const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
      let pending = '';
      socket.setEncoding('latin1');
      socket.on('error', reject);
      socket.on('connect', () => {
        socket.write(request);
        resolve(socket);
      });
      socket.on('data', (chunk: string) => {
        pending += chunk;
        const headEnd = pending.indexOf('\r\n\r\n');
        if (headEnd < 0) return;
        const length = Number(/content-length: (\d+)/i.exec(pending)?.[1]);
        if (!pending.startsWith('HTTP/1.1 200')) throw new Error(`unexpected answer: ${pending.slice(0, 200)}`);
        if (pending.length < headEnd + 4 + length) return;
        pending = pending.slice(headEnd + 4 + length);
        if (isOver) return;
        answers += 1;
        socket.write(request);
      });
    });
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, drive));
  const began = performance.now();
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
  isOver = true;
  const perSecond = (answers / (performance.now() - began)) * 1000;
  for (const socket of sockets) socket.destroy();
  return perSecond;
}
