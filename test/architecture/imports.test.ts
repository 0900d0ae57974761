import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSource, readSources, type SourceFile } from './sources.ts';

/** Who may import whom, and why not the others. The first matching prefix counts. */
const MATRIX: readonly { readonly room: string; readonly mayImport: readonly string[]; readonly why: string }[] = [
  {
    room: 'common/runtime/',
    mayImport: ['common/runtime/'],
    why: 'the runtime parts know no domain word; what needs one belongs to a program',
  },
  {
    room: 'common/agreement/',
    mayImport: ['common/agreement/'],
    why: 'the agreement is simulated by itself, so it must need nothing',
  },
  {
    room: 'common/protocol/',
    mayImport: ['common/protocol/', 'common/agreement/'],
    why: 'the protocol is the contract: it may depend on nothing that either side could change alone',
  },
  { room: 'agent/', mayImport: ['agent/', 'common/'], why: 'the agent must work without the other programs' },
  {
    room: 'emulator/',
    mayImport: ['emulator/', 'common/'],
    why: 'the emulator is a strict writer of its own; sharing code with the reader would hide a misreading from every test',
  },
  {
    room: 'scheduler/',
    mayImport: ['scheduler/', 'common/'],
    why: 'the scheduler must work without the other programs',
  },
  {
    room: 'demo/',
    mayImport: ['demo/', 'common/runtime/'],
    why: 'the demonstration uses the programs as a user does, through their commands',
  },
];

/** Files of the pure cores: what they may take from outside besides each other. */
const PURE = [
  /^emulator\/platform\//,
  /^emulator\/scenario\/pure\//,
  /^agent\/core\//,
  /^common\/agreement\//,
  /^scheduler\/(recurrence|rollout)\.ts$/,
  /^scheduler\/recurrence\//,
  /^scheduler\/rollout\/pure\//,
];
const PURE_PACKAGES = new Set(['node:crypto', 'luxon']);

/** Too heavy for every start of the agent; loaded by dynamic import by what needs them. */
const HEAVY_FOR_AGENT = new Set(['systeminformation', 'express', 'kysely', 'undici', 'luxon']);

describe('the import matrix', () => {
  const sources = readSources();

  it('is kept by every file', () => {
    expect(sources.flatMap(matrixViolations)).toEqual([]);
  });

  it('keeps the pure cores free of everything that acts', () => {
    expect(sources.flatMap(purityViolations)).toEqual([]);
  });

  it('keeps what only some features need out of every start of the agent', () => {
    expect(sources.flatMap(weightViolations)).toEqual([]);
  });

  it('finds a program that imports another', () => {
    const bad = parseSource('agent/x.ts', "import { a } from '../emulator/fleet.ts';");
    expect(matrixViolations(bad)).toEqual([
      'agent/x.ts:1 imports emulator/fleet.ts, but the agent must work without the other programs',
    ]);
  });

  it('finds a pure file that opens a file', () => {
    const bad = parseSource('agent/core/x.ts', "import { open } from 'node:fs/promises';");
    expect(purityViolations(bad)).toHaveLength(1);
  });

  it('allows no file named after nothing', () => {
    const vague = sources.filter((source) => /(^|\/)(utils?|helpers?|types|index|misc)\.ts$/.test(source.file));
    expect(vague.map((source) => `${source.file}: name it after the one idea in it`)).toEqual([]);
  });
});

function resolved(source: SourceFile, specifier: string): string | undefined {
  return specifier.startsWith('.') ? path.posix.join(path.posix.dirname(source.file), specifier) : undefined;
}

function matrixViolations(source: SourceFile): string[] {
  const row = MATRIX.find((candidate) => source.file.startsWith(candidate.room));
  if (row === undefined) return [];
  return source.imports.flatMap(({ specifier, line }) => {
    const target = resolved(source, specifier);
    const isAllowed = target === undefined || row.mayImport.some((prefix) => target.startsWith(prefix));
    return isAllowed ? [] : [`${source.file}:${line} imports ${target}, but ${row.why}`];
  });
}

function purityViolations(source: SourceFile): string[] {
  if (!PURE.some((pattern) => pattern.test(source.file))) return [];
  return source.imports.flatMap(({ specifier, line }) => {
    const target = resolved(source, specifier);
    const isPure =
      target === undefined
        ? PURE_PACKAGES.has(specifier)
        : PURE.some((pattern) => pattern.test(target)) || target === 'common/runtime/random.ts';
    return isPure
      ? []
      : [`${source.file}:${line} imports ${target ?? specifier}; a pure core is simulated, so it may only decide`];
  });
}

function weightViolations(source: SourceFile): string[] {
  if (!source.file.startsWith('agent/')) return [];
  const statics = source.nodes.flatMap((node) => {
    if (node.type !== 'ImportDeclaration' || node['importKind'] === 'type') return [];
    const { value } = node['source'] as { value: string };
    return HEAVY_FOR_AGENT.has(value)
      ? [`${source.file}:${source.lineOf(node.start)} imports ${value} at start; use await import() where it is needed`]
      : [];
  });
  return statics;
}
