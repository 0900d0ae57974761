import { createServer } from 'node:net';

/**
 * Started inside a VM's network namespace with an address and a port: listens there, hands the socket to its parent and ends
 * as soon as the parent has it. It answers nobody itself.
 */
const [host = '', port = ''] = process.argv.slice(2);
const server = createServer();
server.listen({ host, port: Number(port) }, () => {
  process.send?.('listening', server);
});
// Without its parent there is nobody to hand the socket to.
process.once('disconnect', () => {
  server.close();
});
