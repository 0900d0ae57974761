// Speed, each figure beside a limit or a peer measured in the same run: npm run bench
import { formatFigures, type Figure } from './figures.ts';
import { measureDetectionDelay } from './detection-delay.ts';
import { measureMetadataFleet } from './metadata-fleet.ts';
import { measureMetadataThroughput } from './metadata-throughput.ts';
import { measureRecurrence } from './recurrence.ts';

const print = (figures: readonly Figure[]): void => {
  process.stdout.write(`${formatFigures(figures)}\n`);
};

print(measureRecurrence());
print([await measureMetadataThroughput()]);
print(await measureMetadataFleet());
print([await measureDetectionDelay()]);
