#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { preferSmallHeap } from './cli/small-heap.ts';

// The rest is loaded after this, because what V8 has grown to by then it does not give back.
if (process.argv[2] === 'agent') preferSmallHeap();
const { run } = await import('./cli/run.ts');
process.exitCode = await run(realpathSync(fileURLToPath(import.meta.url)));
