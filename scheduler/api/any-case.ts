import { z } from 'zod';

/** One of `values`, sent in any case and kept as spelt here: clients differ, and the real service takes them all. */
export function anyCase<const Value extends string>(values: readonly Value[]) {
  return z.string().transform((text, context) => {
    const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message: `expected one of ${values.join(', ')}, got '${text}'.` });
    return z.NEVER;
  });
}
