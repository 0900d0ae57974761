// What a VM of the end-to-end tests runs: tells over HTTP who it is, and how long it has ever been stopped.
// With the argument `detached` it only ticks, as a hook does that was started in a session of its own.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';

const { FOREWARN_VM_DISK: disk, FOREWARN_VM_TEMP: temp, FOREWARN_VM_NAME: name, FOREWARN_VM_BOOT: boot } = process.env;
const role = process.argv[2] ?? 'app';
const gapFile = path.join(disk, `${role}-gap`);

let longestGapMs = 0;
let lastMs = performance.now();
setInterval(() => {
  const gapMs = performance.now() - lastMs;
  lastMs += gapMs;
  if (gapMs <= longestGapMs) return;
  longestGapMs = gapMs;
  // By renaming: whoever reads finds one whole number, never half of one.
  writeFileSync(`${gapFile}.new`, `${Math.round(gapMs)}`);
  renameSync(`${gapFile}.new`, gapFile);
}, 20);
writeFileSync(path.join(disk, `${role}-pid`), `${process.pid}`);

if (role === 'app') {
  spawn(process.execPath, [process.argv[1], 'detached'], { detached: true, stdio: 'ignore' });
  writeFileSync(path.join(disk, `boot-${boot}`), '');
  writeFileSync(path.join(temp, `boot-${boot}`), '');
  createServer((_request, response) => {
    if (!existsSync(path.join(disk, 'detached-gap'))) {
      response.writeHead(503).end();
      return;
    }
    response.end(
      JSON.stringify({
        name,
        pid: process.pid,
        boot: Number(boot),
        disk: readdirSync(disk).filter((file) => file.startsWith('boot-')),
        temp: readdirSync(temp),
        detachedPid: Number(readFileSync(path.join(disk, 'detached-pid'), 'utf8')),
        longestGapMs: Math.round(longestGapMs),
        detachedGapMs: Number(readFileSync(path.join(disk, 'detached-gap'), 'utf8')),
        scope: process.env.FOREWARN_VM_SCOPE,
        metadata: process.env.FOREWARN_VM_METADATA,
        greeting: process.env.GREETING,
      }),
    );
  }).listen(Number(process.env.FOREWARN_VM_PORT_HTTP), '127.0.0.1');
}
