import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Settings that dpkg asks about when both the operator and a new version have changed them. */
const CONFIGURATION = ['/etc/forewarn/agent.yaml', '/etc/forewarn/scheduler.yaml'];

/** Turns a staged tree into a package file and returns its path. */
export function buildDebianPackage(
  root: string,
  about: { readonly stage: string; readonly out: string; readonly version: string; readonly isFast: boolean },
): string {
  const { stage, version } = about;
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`expected x64 or arm64, found ${process.arch}`);
  const control = path.join(stage, 'DEBIAN');
  const size = Math.ceil(sizeOf(stage) / 1024);
  mkdirSync(control);
  chmodSync(control, 0o755);
  for (const script of readdirSync(path.join(root, 'packaging/debian'))) {
    cpSync(path.join(root, 'packaging/debian', script), path.join(control, script));
    chmodSync(path.join(control, script), 0o755);
  }
  writeFileSync(path.join(control, 'conffiles'), `${CONFIGURATION.join('\n')}\n`, { mode: 0o644 });
  writeFileSync(path.join(control, 'control'), controlFile({ version, architecture, size }), { mode: 0o644 });
  const file = path.join(about.out, `forewarn_${version}_${architecture}.deb`);
  const compression = about.isFast ? ['-Znone'] : ['-Zxz', '-z6'];
  execFileSync('dpkg-deb', ['--root-owner-group', ...compression, '--build', stage, file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // The same sources make the same file, byte for byte.
    env: { ...process.env, SOURCE_DATE_EPOCH: process.env['SOURCE_DATE_EPOCH'] ?? sourceDate(root) },
  });
  return file;
}

function controlFile(about: {
  readonly version: string;
  readonly architecture: string;
  readonly size: number;
}): string {
  return `Package: forewarn
Version: ${about.version}
Architecture: ${about.architecture}
Maintainer: Forewarn maintainers <maintainers@forewarn.invalid>
Installed-Size: ${about.size}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 9), init-system-helpers (>= 1.54), systemd (>= 247)
Section: admin
Priority: optional
Description: drains virtual machines before Azure's maintenance
 The agent on every virtual machine reads Azure's Scheduled Events, takes the
 machine out of its load balancers, waits until no connection is left, and
 approves the event once every machine that it names has done the same. The
 scheduler keeps their agreements and rolls jobs over the fleet; the emulator
 stands in for Azure on a developer's machine.
 .
 The package carries its own Node.js and enables the agent.
`;
}

/** Seconds since 1970 of the newest commit; of the manifest where there is no repository. */
function sourceDate(root: string): string {
  try {
    return execFileSync('git', ['log', '-1', '--format=%ct'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return `${Math.floor(statSync(path.join(root, 'package.json')).mtimeMs / 1000)}`;
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}
