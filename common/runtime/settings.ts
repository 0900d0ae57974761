import { readFile } from 'node:fs/promises';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { EXIT_USAGE, systemErrorCode, UserError } from './errors.ts';
import type { Environment } from './environment.ts';

/** One thing wrong in a settings file. `key` is a dotted path (`drains[0].socket`), empty for the file as a whole. */
export interface SettingsProblem {
  readonly line: number | undefined;
  readonly key: string;
  readonly message: string;
}

/** The file is unusable; the message lists every problem, one a line, as `FILE:LINE: KEY: expected …, got …`. */
export class SettingsError extends UserError {
  readonly problems: readonly SettingsProblem[];

  constructor(file: string, problems: readonly SettingsProblem[]) {
    const lines = problems.map(
      (problem) =>
        `${file}${problem.line === undefined ? '' : `:${problem.line}`}: ${problem.key === '' ? '' : `${problem.key}: `}${problem.message}`,
    );
    super('SETTINGS_INVALID', lines.join('\n'), { exitStatus: EXIT_USAGE });
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

/**
 * Reads a YAML file and validates it. Text of the form `${NAME}` inside a value is replaced by the environment variable
 * NAME, `${NAME:-TEXT}` by TEXT where it is not set (`$${` stands for a literal `${`), so that one file serves many VMs. Unknown keys are rejected by the schemas (use
 * `z.strictObject`). Throws a `SettingsError` with every problem found in one run.
 */
export async function loadSettings<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  environment: Environment,
): Promise<z.output<Schema>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const reason = systemErrorCode(error) === 'ENOENT' ? 'expected a readable file, found none' : 'cannot be read';
    const code = systemErrorCode(error);
    throw new SettingsError(file, [
      { line: undefined, key: '', message: `${reason}${code === 'ENOENT' || code === undefined ? '' : ` (${code})`}` },
    ]);
  }
  return parseSettings({ file, text }, schema, environment);
}

/** `loadSettings` for text that is already in memory; `source.file` only names it in messages. */
export function parseSettings<Schema extends z.ZodType>(
  source: { readonly file: string; readonly text: string },
  schema: Schema,
  environment: Environment,
): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(source.text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new SettingsError(
      source.file,
      document.errors.map((error) => ({
        line: lines.linePos(error.pos[0]).line,
        key: '',
        message: `expected YAML: ${error.message}`,
      })),
    );
  }
  const problems: SettingsProblem[] = [];
  const locate = (path: readonly PropertyKey[]): number | undefined => lineOf(document, lines, path);
  const value = substitute(document.toJS() ?? {}, [], environment, (path, name) => {
    problems.push({
      line: locate(path),
      key: formatPath(path),
      message: `expected the environment variable ${name} to be set, found it missing`,
    });
  });
  const result = schema.safeParse(value, { reportInput: true });
  if (!result.success) {
    for (const issue of result.error.issues) {
      problems.push(
        ...describeIssue(issue).map((found) => ({ ...found, line: locate(found.path), key: formatPath(found.path) })),
      );
    }
  }
  if (problems.length > 0 || !result.success) throw new SettingsError(source.file, problems);
  return result.data;
}

/** One zod issue as messages in the house's form: what was expected, what was found. */
function describeIssue(issue: z.core.$ZodIssue): { path: readonly PropertyKey[]; message: string }[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: 'expected a known key, found this one; is it misspelt?',
    }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch that got furthest is the one the writer meant.
    const best = issue.errors.toSorted((a, b) => a.length - b.length)[0] ?? [];
    if (best.length > 0)
      return best.flatMap((inner) => describeIssue({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  if (issue.code === 'custom' || issue.message.startsWith('expected'))
    return [{ path: issue.path, message: issue.message }];
  const expected = issue.message
    .replace(/^(Invalid (input|option)|Too (small|big)): /, '')
    .replace(/, received .*$/, '');
  const found = issue.input === undefined ? 'nothing' : JSON.stringify(issue.input);
  return [
    {
      path: issue.path,
      message: `${expected.startsWith('expected') ? expected : `expected ${expected}`}, got ${found}`,
    },
  ];
}

function substitute(
  value: unknown,
  path: readonly PropertyKey[],
  environment: Environment,
  missing: (path: readonly PropertyKey[], name: string) => void,
): unknown {
  if (typeof value === 'string') {
    return value.replace(
      /\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
      (_whole, literal: string | undefined, name: string, fallback: string | undefined) => {
        if (literal !== undefined) return literal;
        const found = environment[name] ?? fallback;
        if (found === undefined) missing(path, name);
        return found ?? '';
      },
    );
  }
  if (Array.isArray(value)) return value.map((item, index) => substitute(item, [...path, index], environment, missing));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, substitute(item, [...path, key], environment, missing)]),
    );
  }
  return value;
}

/** The line of the node at `path`, or of its nearest parent that exists in the file (a missing key has no line of its own). */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}
