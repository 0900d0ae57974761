// Speed, each figure beside a limit or a peer measured in the same run: npm run bench
import { formatFigures } from './figures.ts';
import { measureDetectionDelay } from './detection-delay.ts';
import { measureMetadataThroughput } from './metadata-throughput.ts';

const measurements = [measureMetadataThroughput, measureDetectionDelay];
for (const measure of measurements) process.stdout.write(`${formatFigures([await measure()])}\n`);
