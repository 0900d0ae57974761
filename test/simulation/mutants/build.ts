// A build of the simulation in which one rule of the product is switched off: the same sources, but for one text in one file.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import path from 'node:path';
import type * as run from '../run.ts';
import type * as scenarios from '../scenarios/scenarios.ts';
import type { Mutant } from './mutant.ts';

type Simulation = typeof run;
type Scenarios = typeof scenarios;

/** The sources of one build: nothing outside of these rooms holds a rule. */
const ROOMS = ['agent/core', 'common/agreement', 'test/simulation'];

const root = path.resolve(import.meta.dirname, '../../..');

/** What a build is asked for by; also in every address inside of it, so that its modules are its own. */
const QUERY = 'mutant';

const mutants = new Map<string, Mutant>();

/** Loads the simulation with this rule off. Throws when the rule's text is not in its file exactly once. */
export async function loadMutant(mutant: Mutant): Promise<Simulation & Scenarios> {
  for (const { file, text } of mutant.edits) {
    const count = readFileSync(path.join(root, file), 'utf8').split(text).length - 1;
    if (count !== 1)
      throw new Error(`mutant "${mutant.name}": expected its text once in ${file}, found it ${count} times`);
  }
  if (mutants.size === 0) registerHooks({ resolve: resolveInside, load: loadChanged });
  mutants.set(mutant.name, mutant);
  const address = (file: string): string =>
    `${pathToFileURL(path.join(root, 'test/simulation', file)).href}?${QUERY}=${encodeURIComponent(mutant.name)}`;
  const simulation = (await import(address('run.ts'))) as Simulation;
  const scenarios = (await import(address('scenarios/scenarios.ts'))) as Scenarios;
  return { ...simulation, ...scenarios };
}

type ResolveHook = NonNullable<Parameters<typeof registerHooks>[0]['resolve']>;
type LoadHook = NonNullable<Parameters<typeof registerHooks>[0]['load']>;

const resolveInside: ResolveHook = (specifier, context, next) => {
  const found = next(specifier, context);
  const name = mutantOf(context.parentURL ?? '');
  if (name === undefined || mutantOf(found.url) !== undefined || !isInside(found.url)) return found;
  return { ...found, url: `${found.url}?${QUERY}=${encodeURIComponent(name)}` };
};

const loadChanged: LoadHook = (url, context, next) => {
  const loaded = next(url, context);
  const file = mutantOf(url) === undefined ? '' : path.relative(root, fileURLToPath(url));
  const edits = mutants.get(mutantOf(url) ?? '')?.edits.filter((edit) => edit.file === file) ?? [];
  if (edits.length === 0) return loaded;
  const source = Buffer.from(loaded.source as Uint8Array).toString('utf8');
  return { ...loaded, source: edits.reduce((text, edit) => text.replace(edit.text, () => edit.instead), source) };
};

function mutantOf(url: string): string | undefined {
  return url.startsWith('file:') ? (new URL(url).searchParams.get(QUERY) ?? undefined) : undefined;
}

function isInside(url: string): boolean {
  return (
    url.startsWith('file:') && ROOMS.some((room) => fileURLToPath(url).startsWith(path.join(root, room) + path.sep))
  );
}
