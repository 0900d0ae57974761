import { createServer } from 'node:net';

/**
 * Started inside a VM's network namespace with addresses and ports, in pairs: listens on each, hands the sockets to its parent
 * in that order and ends as soon as the parent has them. It answers nobody itself.
 */
const words = process.argv.slice(2);
for (let index = 0; index < words.length; index += 2) {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: words[index] ?? '', port: Number(words[index + 1]) }, resolve);
  });
  process.send?.('listening', server);
  // Without its parent there is nobody to hand the socket to.
  process.once('disconnect', () => {
    server.close();
  });
}
