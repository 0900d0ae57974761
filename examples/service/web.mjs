// One instance of the service: says which version and which VM answers.
import { createServer } from 'node:http';

const version = process.argv[2];
const { FOREWARN_VM_NAME: vm, FOREWARN_VM_PORT_HTTP: port } = process.env;

createServer((request, response) => {
  response.end(request.url === '/healthz' ? 'healthy\n' : `version ${version} at ${vm}\n`);
}).listen(Number(port), '127.0.0.1');
