// Emits dist/ for publishing: what runs as TypeScript in the checkout runs as JavaScript in the package.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
const built = spawnSync(path.join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (built.status === 0) chmodSync(path.join(root, 'dist', 'cli.js'), 0o755);
process.exitCode = built.status ?? 1;
