import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { getuid, pid } from 'node:process';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';

const NSPAWN = '/usr/bin/systemd-nspawn';
const REPOSITORY = path.resolve(import.meta.dirname, '../..');

/** In CI a missing systemd-nspawn is a failure: the tests must not turn green by not running. */
export const runsBootedSystemd = getuid?.() === 0 && (existsSync(NSPAWN) || process.env['CI'] === 'true');
export const BOOTED_SYSTEMD_NEEDS = 'needs: root, apt-get install systemd-container';

/** Where the repository is inside. */
export const INSIDE = '/opt/forewarn';

/**
 * Boots systemd as process 1 of a container over this machine's own /usr, in a network of its own, and runs `script` (an ES
 * module) as a service there, with the lines `service` in its unit, beside other `units`. Resolves with what the script printed
 * and, for the message of a failed test, everything else that was said.
 */
export async function runUnderSystemd(options: {
  readonly script: string;
  readonly service?: readonly string[];
  /** Name to content, with @node@ for Node.js; each is started before the script. */
  readonly units?: Readonly<Record<string, string>>;
}): Promise<{ printed: string; said: string }> {
  const folder = temporaryFolder();
  const [units, out] = [path.join(folder, 'units'), path.join(folder, 'out')];
  const node = path.join(INSIDE, path.relative(REPOSITORY, process.execPath));
  mkdirSync(path.join(units, 'test.target.wants'), { recursive: true });
  mkdirSync(out, { mode: 0o755 });
  writeFileSync(path.join(out, 'script.mjs'), options.script);
  const all = {
    ...options.units,
    'script.service': `[Unit]
After=${Object.keys(options.units ?? {})
      .filter((name) => !name.includes('@'))
      .join(' ')}
[Service]
Type=oneshot
ExecStart=${node} --disable-warning=ExperimentalWarning /out/script.mjs
ExecStopPost=+/bin/systemctl poweroff --force --force
StandardOutput=append:/out/printed
StandardError=append:/out/errors
${options.service?.join('\n') ?? ''}
`,
  };
  writeFileSync(path.join(units, 'test.target'), '[Unit]\nDescription=test\n');
  for (const [name, content] of Object.entries(all)) {
    writeFileSync(path.join(units, name), content.replaceAll('@node@', node));
    // A template is started by whoever needs an instance of it.
    if (!name.includes('@')) symlinkSync(`../${name}`, path.join(units, 'test.target.wants', name));
  }
  const machine = `forewarn-test-${pid}`;
  const child = spawn(
    NSPAWN,
    [
      '--quiet',
      '--directory=/',
      '--volatile=yes',
      '--private-network',
      '--register=no',
      '--keep-unit',
      '--console=pipe',
      `--machine=${machine}`,
      `--bind=${out}:/out`,
      `--bind-ro=${units}:/run/systemd/system`,
      `--bind-ro=${REPOSITORY}:${INSIDE}`,
      '--boot',
      'systemd.unit=test.target',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  onTestFinished(async () => {
    // SIGTERM to nspawn ends the container orderly, SIGKILL ends everything in it.
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(`/run/systemd/nspawn/propagate/${machine}`, { recursive: true, force: true });
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  await once(child, 'exit');
  const read = (name: string): string => {
    const file = path.join(out, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  return { printed: read('printed'), said: `${read('errors')}\n${said}` };
}
