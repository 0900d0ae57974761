import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';

/** Where everything of ours is on the target machine; only links and configuration lie elsewhere. */
const HOME = 'usr/lib/forewarn';

const manifestSchema = z.object({ name: z.string(), version: z.string(), license: z.unknown() });
const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ dev: z.boolean().optional(), devOptional: z.boolean().optional() })),
});

/** What a module has besides code: not needed to run, half of the size. */
const NOT_NEEDED = /\.(d\.[cm]?ts|[cm]?ts|map|md|markdown|flow|tsbuildinfo|yml|html|css)$/i;
const NOT_NEEDED_FOLDERS = new Set([
  'test',
  'tests',
  '__tests__',
  'docs',
  'example',
  'examples',
  'benchmark',
  'benchmarks',
  '.github',
]);

/** Builds for what is not Node.js, beside the one that is (Azure's packages have five of each file). */
const OTHER_PLATFORMS = /^dist\/(browser|react-native|workerd)$/;

/** Lays the files out under `stage` as they will lie under `/`. */
export function stageFiles(root: string, stage: string, version: string): void {
  const home = path.join(stage, HOME);
  mkdirSync(path.join(home, 'bin'), { recursive: true });
  cpSync(realpathSync(path.join(root, 'node_modules/node/bin/node')), path.join(home, 'bin/node'));
  execFileSync(
    path.join(root, 'node_modules/.bin/tsc'),
    ['-p', 'tsconfig.build.json', '--outDir', path.join(home, 'dist'), '--declaration', 'false'],
    { cwd: root, stdio: 'inherit' },
  );
  const manifest = readManifest(root);
  writeFileSync(
    path.join(home, 'package.json'),
    `${JSON.stringify({ name: manifest.name, version, license: manifest.license, type: 'module' }, null, 2)}\n`,
  );
  const modules = productionModules(root);
  for (const module of modules) copyModule(path.join(root, module), path.join(home, module));
  cpSync(path.join(root, 'examples'), path.join(home, 'examples'), { recursive: true });
  cpSync(path.join(root, 'systemd'), stage, { recursive: true });
  stageDocuments(root, stage, modules);
  setModes(stage, false);
  for (const program of [`${HOME}/bin/node`, `${HOME}/dist/cli.js`, 'usr/bin/forewarn'])
    chmodSync(path.join(stage, program), 0o755);
}

/** Program, manual, completion, changelog, licences. */
function stageDocuments(root: string, stage: string, modules: readonly string[]): void {
  const put = (file: string, content: string | Uint8Array): void => {
    mkdirSync(path.dirname(path.join(stage, file)), { recursive: true });
    writeFileSync(path.join(stage, file), content);
  };
  const compressed = (file: string): Uint8Array => gzipSync(readFileSync(path.join(root, file)), { level: 9 });
  put('usr/bin/forewarn', readFileSync(path.join(root, 'packaging/forewarn')));
  put('usr/share/man/man1/forewarn.1.gz', compressed('packaging/forewarn.1'));
  put('usr/share/doc/forewarn/changelog.gz', compressed('CHANGELOG.md'));
  put('usr/share/doc/forewarn/copyright', copyright(root, modules));
  symlinkSync('../../../lib/forewarn/examples', path.join(stage, 'usr/share/doc/forewarn/examples'));
  const cli = path.join(stage, HOME, 'dist/cli.js');
  const completion = execFileSync(path.join(stage, HOME, 'bin/node'), [cli, 'completion', 'bash'], {
    encoding: 'utf8',
  });
  put('usr/share/bash-completion/completions/forewarn', completion);
}

/** Folders of the packages that run in production, from the lock file. */
function productionModules(root: string): readonly string[] {
  const lock = lockSchema.parse(JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')));
  return Object.entries(lock.packages)
    .filter(([folder, about]) => folder !== '' && about.dev !== true && about.devOptional !== true)
    .map(([folder]) => folder);
}

function copyModule(from: string, to: string): void {
  cpSync(from, to, {
    recursive: true,
    filter: (source) => {
      const name = path.basename(source);
      const relative = path.relative(from, source);
      // What is nested is a package of its own, and copied as such.
      if (relative === 'node_modules' || NOT_NEEDED_FOLDERS.has(relative) || OTHER_PLATFORMS.test(relative))
        return false;
      return !NOT_NEEDED.test(name) || /^licen[cs]e/i.test(name);
    },
  });
}

export function readManifest(folder: string): z.output<typeof manifestSchema> {
  return manifestSchema.parse(JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')));
}

/** What everything in the package is licensed under, as its own manifest says. */
function copyright(root: string, modules: readonly string[]): string {
  const of = (folder: string): string => {
    const about = readManifest(path.join(root, folder));
    return ` ${about.name} ${about.version}: ${typeof about.license === 'string' ? about.license : 'see its folder'}`;
  };
  return [
    'Forewarn',
    '',
    readFileSync(path.join(root, 'LICENSE'), 'utf8').trim(),
    '',
    'The package carries these, each with its licence in /usr/lib/forewarn/node_modules where it has one:',
    '',
    ` Node.js ${process.version}: MIT and others, see https://github.com/nodejs/node/blob/main/LICENSE`,
    ...modules.map(of),
    '',
  ].join('\n');
}

/** The same whatever the umask and the checkout were; what operators run in the examples stays executable. */
function setModes(folder: string, isExecutable: boolean): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) setModes(file, isExecutable || entry.name === 'examples');
    else if (entry.isFile()) chmodSync(file, isExecutable && (statSync(file).mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}
