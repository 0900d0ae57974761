// Makes a Debian package that carries its own Node.js: `npm run package`, then `apt install ./forewarn_*.deb`.
//
//   npm run package -- [--out FOLDER] [--version VERSION] [--fast]
//
// --fast does not compress: for tests. Needs dpkg-deb, and nothing of debhelper.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildDebianPackage } from './package/debian.ts';
import { readManifest, stageFiles } from './package/stage.ts';

const root = path.dirname(import.meta.dirname);
const { values } = parseArgs({
  options: { out: { type: 'string' }, version: { type: 'string' }, fast: { type: 'boolean', default: false } },
});
const version = values.version ?? readManifest(root).version;
const out = path.resolve(values.out ?? root);
if (!/^\d[A-Za-z0-9.+~]*$/.test(version)) throw new Error(`expected a version like 1.2.3, got ${version}`);
if (!existsSync('/usr/bin/dpkg-deb')) throw new Error('expected dpkg-deb (Debian, Ubuntu), found none');
mkdirSync(out, { recursive: true });
const stage = mkdtempSync(path.join(tmpdir(), 'forewarn-package-'));
try {
  stageFiles(root, stage, version);
  const file = buildDebianPackage(root, { stage, out, version, isFast: values.fast });
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
