import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { durationSchema } from '../../common/runtime/duration.ts';
import { describeError } from '../../common/runtime/errors.ts';
import { checkFile } from './check-file.ts';

/** A declaration is a few lines. */
const MAX_BYTES = 64 * 1024;

/** Values travel in a message and reach a program's standard input. */
const MAX_TEXT = 4096;

const stringParameter = z.strictObject({
  type: z.literal('string'),
  required: z.boolean().default(true),
  default: z.string().optional(),
  oneOf: z.array(z.string()).min(1).optional(),
  /** A regular expression that the whole value must match. */
  pattern: z.string().refine(isPattern, { error: 'expected a regular expression' }).optional(),
  maxLength: z.int().positive().max(MAX_TEXT).default(256),
});
const numberParameter = z.strictObject({
  type: z.enum(['integer', 'number']),
  required: z.boolean().default(true),
  default: z.number().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});
const booleanParameter = z.strictObject({
  type: z.literal('boolean'),
  required: z.boolean().default(true),
  default: z.boolean().optional(),
});

const declarationSchema = z.strictObject({
  description: z.string().optional(),
  /** The longest that the task may take, whatever the scheduler asks for. */
  timeout: durationSchema.optional(),
  parameters: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/),
      z.discriminatedUnion('type', [stringParameter, numberParameter, booleanParameter]),
    )
    .default({}),
});
export type TaskDeclaration = z.output<typeof declarationSchema>;
type Parameter = TaskDeclaration['parameters'][string];

/**
 * What the operator says about a task in `NAME.yaml` beside it: which parameters it takes and how long it may run. A task without
 * such a file takes none. Text is why it cannot be told; then the task must not be run.
 */
export async function readDeclaration(
  root: string,
  relative: string,
  ownUserId: number,
): Promise<TaskDeclaration | string> {
  const checked = await checkFile({ root, relative: `${relative}.yaml`, ownUserId, mustBeExecutable: false });
  if (checked.kind === 'missing') return declarationSchema.parse({});
  if (checked.kind === 'refused') return checked.reason;
  try {
    const text = await readFile(checked.file, 'utf8');
    if (text.length > MAX_BYTES) return `${checked.file} is longer than ${MAX_BYTES} bytes`;
    const parsed = declarationSchema.safeParse(parse(text) ?? {});
    if (parsed.success) return parsed.data;
    return `${checked.file}: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`;
  } catch (error) {
    return `${checked.file} cannot be read: ${describeError(error)}`;
  }
}

/** The parameters that the task is given, defaults among them, or everything that is wrong with those that were sent. */
export function acceptParameters(
  declaration: TaskDeclaration,
  sent: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> | string {
  const problems = Object.keys(sent)
    .filter((name) => !Object.hasOwn(declaration.parameters, name))
    .map((name) => `${JSON.stringify(name)} is not declared`);
  const accepted: Record<string, unknown> = {};
  for (const [name, parameter] of Object.entries(declaration.parameters)) {
    const value = Object.hasOwn(sent, name) ? sent[name] : parameter.default;
    if (value === undefined) {
      if (parameter.required) problems.push(`"${name}" is missing`);
      continue;
    }
    const expected = expectedOf(parameter, value);
    if (expected === undefined) accepted[name] = value;
    else problems.push(`"${name}": expected ${expected}, got ${JSON.stringify(value)?.slice(0, 200) ?? 'nothing'}`);
  }
  return problems.length === 0 ? accepted : problems.slice(0, 20).join('; ');
}

/** What would have been right instead of `value`; undefined when it is. */
function expectedOf(parameter: Parameter, value: unknown): string | undefined {
  switch (parameter.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'true or false';
    case 'integer':
    case 'number': {
      const { type, minimum = -Infinity, maximum = Infinity } = parameter;
      const article = type === 'integer' ? 'an' : 'a';
      if (typeof value !== 'number' || (type === 'integer' && !Number.isSafeInteger(value)))
        return `${article} ${type}`;
      return value < minimum || value > maximum ? `${article} ${type} from ${minimum} to ${maximum}` : undefined;
    }
    case 'string':
      if (typeof value !== 'string') return 'text';
      if (value.length > parameter.maxLength) return `at most ${parameter.maxLength} characters`;
      if (parameter.oneOf !== undefined && !parameter.oneOf.includes(value))
        return `one of ${parameter.oneOf.join(', ')}`;
      if (parameter.pattern !== undefined && !new RegExp(`^(?:${parameter.pattern})$`, 'u').test(value))
        return `text that matches ${parameter.pattern}`;
      return undefined;
    default:
      return parameter satisfies never;
  }
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(`^(?:${text})$`, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
