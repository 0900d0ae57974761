import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSync } from 'oxc-parser';

/** One source file of the product, parsed. */
export interface SourceFile {
  /** Path from the root of the repository, with forward slashes. */
  readonly file: string;
  readonly imports: readonly { readonly specifier: string; readonly line: number }[];
  readonly nodes: readonly SyntaxNode[];
  readonly lineOf: (offset: number) => number;
}

export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

const ROOT = path.resolve(import.meta.dirname, '../..');
export const PRODUCT_FOLDERS = ['common', 'agent', 'emulator', 'scheduler', 'demo', 'cli'] as const;

/** Every TypeScript file of the product and of the tests. */
export function readSources(): readonly SourceFile[] {
  const files = [...PRODUCT_FOLDERS, 'test', 'scripts'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
  );
  return ['cli.ts', ...files.filter((file) => file.endsWith('.ts'))].map(readSource);
}

export function readSource(file: string): SourceFile {
  return parseSource(file.replaceAll(path.sep, '/'), readFileSync(path.join(ROOT, file), 'utf8'));
}

export function parseSource(file: string, text: string): SourceFile {
  const parsed = parseSync(file, text);
  if (parsed.errors.length > 0) throw new Error(`${file}: ${parsed.errors[0]?.message}`);
  const nodes: SyntaxNode[] = [];
  collect(parsed.program, nodes);
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length;
  const imports = nodes.flatMap((node) => {
    const source = node['source'] as SyntaxNode | undefined | null;
    const isImport = /^(Import|Export(Named|All)Declaration$)/.test(node.type) && source?.type === 'Literal';
    return isImport ? [{ specifier: String(source['value']), line: lineOf(node.start) }] : [];
  });
  return { file, imports, nodes, lineOf };
}

function collect(value: unknown, nodes: SyntaxNode[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, nodes);
  } else if (typeof value === 'object' && value !== null) {
    if ('type' in value && typeof value.type === 'string' && 'start' in value) nodes.push(value as SyntaxNode);
    for (const item of Object.values(value)) collect(item, nodes);
  }
}

/** `a.b` of a member expression whose object is a plain name, or undefined. */
export function memberName(node: SyntaxNode): string | undefined {
  if (node.type !== 'MemberExpression') return undefined;
  const object = node['object'] as SyntaxNode;
  const property = node['property'] as SyntaxNode;
  if (object.type !== 'Identifier' || property.type !== 'Identifier') return undefined;
  return `${String(object['name'])}.${String(property['name'])}`;
}
