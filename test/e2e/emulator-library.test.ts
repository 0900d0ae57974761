import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const DEADLINE_MS = 50_000;

function section(): string {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  return /^## Use it in your CI$[^]*?(?=^## )/m.exec(readme)?.[0] ?? '';
}

/** Writes the files whose first line says which they are, `# ci/fleet.yaml`; returns their names. */
function pasted(folder: string): readonly string[] {
  const blocks = [...section().matchAll(/^```(?:yaml|js)\n((?:#|\/\/) (ci\/[\w.]+)[^]*?)^```$/gm)];
  for (const [, text = '', name = ''] of blocks) writeFileSync(path.join(folder, name), text);
  return blocks.map(([, , name = '']) => name);
}

/** The example of the README's section, as a reader copies it. */
function example(): string {
  const found = /^```ts\n([^]*?)^```$/m.exec(section());
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

  it('has a scenario that passes when its files are pasted, and fails when the client does nothing', () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'ci'));
    const files = pasted(folder);
    expect(files).toEqual(['ci/fleet.yaml', 'ci/client.mjs', 'ci/restart.yaml']);
    const command = /^npx forewarn (emulator run .*)$/m.exec(section())?.[1]?.split(' ') ?? [];
    const play = () => {
      const parameters = ['--disable-warning=ExperimentalWarning', path.join(ROOT, 'cli.ts'), ...command];
      return spawnSync(process.execPath, parameters, { cwd: folder, encoding: 'utf8', timeout: DEADLINE_MS });
    };
    expect(play()).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(path.join(folder, 'report.xml'), 'utf8')).toContain('failures="0"');
    writeFileSync(path.join(folder, 'ci/client.mjs'), 'setInterval(() => {}, 1000);');
    writeFileSync(
      path.join(folder, 'ci/restart.yaml'),
      readFileSync(path.join(folder, 'ci/restart.yaml'), 'utf8').replaceAll('within: 20s', 'within: 3s'),
    );
    expect(play()).toMatchObject({ status: 1, stdout: expect.stringContaining('nobody has approved it') as string });
  });
});
