import { STATUS_CODES, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { methodNotAllowed, UNREADABLE, type Answer } from './answer.ts';

/** Answers what `node:http` does not hand to a request listener: bytes that are no request, and CONNECT. */
export function answerUnreadable(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // A client that hung up in mid-request is no concern of ours.
    if (socket.writable && error.code !== 'ECONNRESET') endWith(socket, answerFor(error.code));
  });
  server.on('connect', (_request, socket: Duplex) => {
    socket.on('error', () => {
      // The client did not wait for its refusal.
    });
    endWith(socket, methodNotAllowed('GET, POST'));
  });
}

function answerFor(code: string | undefined): Answer {
  if (code === 'HPE_HEADER_OVERFLOW') return UNREADABLE.headersTooLarge;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return UNREADABLE.tooSlow;
  return UNREADABLE.malformed;
}

function endWith(socket: Duplex, answer: Answer): void {
  const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\n${headers.join('')}connection: close\r\n\r\n${answer.body}`,
  );
}
