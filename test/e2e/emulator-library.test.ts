import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const DEADLINE_MS = 50_000;

/** The example of the README's section, as a reader copies it. */
function example(): string {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const found = /^## Use it in your CI$[^]*?^```ts\n([^]*?)^```$/m.exec(readme);
  if (found?.[1] === undefined) throw new Error('README.md has no example in "Use it in your CI"');
  return found[1];
}

function run(
  folder: string,
  tool: string,
  ...parameters: readonly string[]
): { status: number | null; output: string } {
  const file = path.join(ROOT, 'node_modules', '.bin', tool);
  const done = spawnSync(file, parameters, { cwd: folder, encoding: 'utf8', timeout: DEADLINE_MS });
  return { status: done.status, output: `${done.stdout}${done.stderr}` };
}

/** A project of somebody's that has the package as npm would install it. */
function userProject(): string {
  const folder = temporaryFolder();
  const installed = path.join(folder, 'node_modules', 'forewarn');
  mkdirSync(installed, { recursive: true });
  cpSync(path.join(ROOT, 'package.json'), path.join(installed, 'package.json'));
  const built = run(ROOT, 'tsc', '-p', 'tsconfig.build.json', '--outDir', path.join(installed, 'dist'));
  expect(built).toEqual({ status: 0, output: '' });
  const { dependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const folders = Object.keys(dependencies).map((name) =>
    name.startsWith('@') ? name.slice(0, name.indexOf('/')) : name,
  );
  for (const name of new Set([...folders, 'vitest', 'vite', '@types'])) {
    symlinkSync(path.join(ROOT, 'node_modules', name), path.join(folder, 'node_modules', name));
  }
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "somebodys", "type": "module" }');
  return folder;
}

describe('the section "Use it in your CI"', () => {
  it('works when pasted, and its types fit', () => {
    const folder = userProject();
    writeFileSync(path.join(folder, 'events.test.ts'), example());
    const ran = run(folder, 'vitest', 'run', '--root', folder);
    expect(ran.output).toMatch(/2 passed/);
    expect(ran.status).toBe(0);
    const options = [
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--lib',
      'es2024,esnext.disposable',
      '--types',
      'node',
    ];
    const check = ['--noEmit', '--strict', '--skipLibCheck', ...options, 'events.test.ts'];
    expect(run(folder, 'tsc', ...check)).toEqual({ status: 0, output: '' });
    writeFileSync(path.join(folder, 'events.test.ts'), example().replace("type: 'Reboot', vms", "type: 'Rebot', vms"));
    expect(run(folder, 'tsc', ...check).output).toContain('Type \'"Rebot"\' is not assignable');
  });
});
