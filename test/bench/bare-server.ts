// The limit for the metadata service: node:http that answers every request with the bytes in argv[2], and does nothing else.
import { createServer } from 'node:http';

const body = Buffer.from(process.argv[2] ?? '', 'base64');
const headers = { 'content-type': 'application/json; charset=utf-8', etag: '"1"', 'content-length': body.length };
const server = createServer((_request, response) => {
  response.writeHead(200, headers);
  response.end(body);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') process.stdout.write(`${JSON.stringify({ msg: 'ready', port: address?.port })}\n`);
});
