import { createRequire } from 'node:module';
import { Ajv, type ValidateFunction } from 'ajv';
import formatsPlugin from 'ajv-formats';

/** How the published client describes what it reads: the mappers that were generated from the interface definition. */
interface Mapper {
  readonly serializedName?: string;
  readonly type: {
    readonly name: string;
    readonly className?: string;
    readonly allowedValues?: readonly string[];
    readonly element?: Mapper;
    readonly value?: Mapper;
    readonly modelProperties?: Readonly<Record<string, Mapper>>;
    readonly polymorphicDiscriminator?: { readonly serializedName: string };
  };
}

type Models = Readonly<Record<string, new () => { mapper(): Mapper }>> & {
  readonly discriminators?: Readonly<Record<string, new () => { mapper(): Mapper }>>;
};

const models = createRequire(import.meta.url)('azure-arm-scheduler/lib/models') as Models;

/** What our answers have besides, by the class that it is in; each is documented as going beyond the real service. */
const BEYOND: Readonly<Record<string, readonly string[]>> = {
  JobProperties: ['runs'],
  JobRecurrence: ['timeZone', 'clockChanges', 'excludedDates', 'blackouts'],
  JobRecurrenceSchedule: ['months'],
  // What the real service wrote beside what its definition says.
  JobRecurrenceScheduleMonthlyOccurrence: ['occurrence'],
  ClientCertAuthentication: ['certificateExpiration'],
  JobHistoryDefinitionProperties: ['reason'],
};

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
(formatsPlugin as unknown as (ajv: Ajv) => void)(ajv);
const validators = new Map<string, ValidateFunction>();

/** What is wrong with an answer by the published definition of `className`; empty when nothing is. */
export function violationsOf(className: string, answer: unknown): readonly string[] {
  const known = validators.get(className) ?? ajv.compile(schemaOfClass(className));
  validators.set(className, known);
  known(answer);
  return (known.errors ?? []).map(
    (error) => `${error.instancePath} ${error.message ?? ''} ${JSON.stringify(error.params)}`,
  );
}

function schemaOfClass(className: string): object {
  const model = models[className];
  if (model === undefined) throw new Error(`the published client has no ${className}`);
  return schemaOf(new model().mapper());
}

function schemaOf(mapper: Mapper): object {
  const { type } = mapper;
  switch (type.name) {
    case 'Composite':
      return compositeOf(type);
    case 'Sequence':
      return { type: 'array', items: type.element === undefined ? {} : schemaOf(type.element) };
    case 'Dictionary':
      return { type: 'object', additionalProperties: type.value === undefined ? {} : schemaOf(type.value) };
    case 'Enum':
      // The real service answered many of them in lower case.
      return { type: 'string', pattern: `^(${(type.allowedValues ?? []).map(anyCase).join('|')})$` };
    case 'DateTime':
      return { type: 'string', format: 'date-time' };
    case 'TimeSpan':
      return { type: 'string', pattern: '^(\\d+\\.)?\\d\\d:\\d\\d:\\d\\d$' };
    case 'Number':
      return { type: 'number' };
    case 'Boolean':
      return { type: 'boolean' };
    case 'String':
      return { type: ['string', 'null'] };
    default:
      throw new Error(`the published client has a type ${type.name}, of which this test knows nothing`);
  }
}

function compositeOf(type: Mapper['type']): object {
  const described =
    type.modelProperties === undefined
      ? new (models[type.className ?? ''] as new () => { mapper(): Mapper })().mapper().type
      : type;
  const discriminator = described.polymorphicDiscriminator?.serializedName;
  const derived = Object.entries(models.discriminators ?? {})
    .filter(([name]) => discriminator !== undefined && name.startsWith(`${described.className ?? ''}.`))
    .map(([, model]) => new model().mapper().type);
  if (derived.length > 0) return { anyOf: derived.map(objectOf) };
  return objectOf(described);
}

function objectOf(type: Mapper['type']): object {
  const discriminator = type.polymorphicDiscriminator?.serializedName;
  const properties = Object.entries(type.modelProperties ?? {}).map(
    // A list's items have no name of their own there.
    ([key, property]) => [nameOf(property.serializedName ?? '') || key, schemaOf(property)] as const,
  );
  const beyond = (BEYOND[type.className ?? ''] ?? []).map((name) => [name, {}] as const);
  return {
    type: 'object',
    properties: {
      ...Object.fromEntries(properties),
      ...Object.fromEntries(beyond),
      ...(discriminator === undefined ? {} : { [discriminator]: { type: 'string' } }),
    },
    additionalProperties: false,
  };
}

/** The generator escapes dots in names. */
function nameOf(serializedName: string): string {
  return serializedName.replaceAll('\\', '');
}

function anyCase(value: string): string {
  return value.replaceAll(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
}
