import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const packageSchema = z.object({ name: z.literal('forewarn'), version: z.string() });

/** The version of this package: `folder` is that of `cli.ts`, or `dist` inside a published package. */
export function packageVersion(folder: string): string {
  for (const candidate of [folder, path.dirname(folder)]) {
    try {
      return packageSchema.parse(JSON.parse(readFileSync(path.join(candidate, 'package.json'), 'utf8'))).version;
    } catch {
      // Not here: `dist` has no package.json of its own.
    }
  }
  return 'unknown';
}
