import { describe, expect, it } from 'vitest';
import { memberName, parseSource, PRODUCT_FOLDERS, readSources, type SourceFile, type SyntaxNode } from './sources.ts';

/** What only one module may touch, and what everybody else uses instead. */
const BANS: readonly { readonly what: RegExp; readonly allowedIn: RegExp; readonly instead: string }[] = [
  {
    what: /^(Date\.now|performance\.now|new Date\(\)|setTimeout|setInterval|setImmediate)$/,
    allowedIn: /^common\/runtime\/clock\.ts$/,
    instead: 'time is an argument (now) in pure code and a Clock elsewhere, so that tests can drive it',
  },
  {
    what: /^process\.env$/,
    allowedIn: /^common\/runtime\/environment\.ts$/,
    instead: 'take an Environment as an argument: settings are read once, at the edge',
  },
  {
    what: /^(Math\.random|crypto\.randomUUID|randomUUID|randomBytes|randomInt)$/,
    allowedIn: /^common\/runtime\/random\.ts$/,
    instead: 'take a RandomSource, so that a simulated run repeats from its seed',
  },
  {
    what: /^(process\.exit)$/,
    allowedIn: /^common\/runtime\/(lifecycle|terminal)\.ts$/,
    instead: 'return or throw, so that what was opened is closed; the command sets the exit status',
  },
];

/** Tests may not wait for time to pass either; a deadline (a timer that makes a hung test fail) is fine. */
const SLEEP_ALLOWED_IN = /^test\/(support|e2e|bench|soak|architecture)\//;

describe('the bans', () => {
  const sources = readSources();

  it('are kept by every file of the product', () => {
    const product = sources.filter((source) => PRODUCT_FOLDERS.some((folder) => source.file.startsWith(`${folder}/`)));
    expect(product.flatMap(violations)).toEqual([]);
  });

  it('let no unit test wait for time to pass', () => {
    const tests = sources.filter((source) => source.file.startsWith('test/') && !SLEEP_ALLOWED_IN.test(source.file));
    const timers = tests.flatMap((source) =>
      source.nodes.flatMap((node) =>
        /^set(Timeout|Interval)$/.test(usage(node) ?? '')
          ? [`${source.file}:${source.lineOf(node.start)} sets a timer; use FakeClock and advance it`]
          : [],
      ),
    );
    expect(timers).toEqual([]);
  });

  it('find a clock that is read in the open', () => {
    const bad = parseSource(
      'agent/x.ts',
      'export const a = Date.now();\nexport const b = new Date();\nsetTimeout(() => {}, 1);',
    );
    expect(violations(bad)).toHaveLength(3);
  });

  it('know the difference between reading the clock and converting a time', () => {
    expect(violations(parseSource('agent/x.ts', 'export const b = new Date(1).toUTCString();'))).toEqual([]);
  });

  it('find the environment and randomness', () => {
    const bad = parseSource('agent/x.ts', 'export const a = [process.env, Math.random(), randomUUID()];');
    expect(violations(bad)).toHaveLength(3);
  });
});

function violations(source: SourceFile): string[] {
  return source.nodes.flatMap((node) => {
    const used = usage(node);
    if (used === undefined) return [];
    return BANS.filter((ban) => ban.what.test(used) && !ban.allowedIn.test(source.file)).map(
      (ban) => `${source.file}:${source.lineOf(node.start)} uses ${used}: ${ban.instead}`,
    );
  });
}

/** `Date.now`, `new Date()` without arguments, or the name of a function that is called. */
function usage(node: SyntaxNode): string | undefined {
  const member = memberName(node);
  if (member !== undefined) return member;
  const callee = node['callee'] as SyntaxNode | undefined;
  if (callee?.type !== 'Identifier') return undefined;
  const name = String(callee['name']);
  if (node.type === 'NewExpression') {
    return (node['arguments'] as unknown[]).length === 0 ? `new ${name}()` : undefined;
  }
  return node.type === 'CallExpression' ? name : undefined;
}
