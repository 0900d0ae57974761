import { coordinatorAdapters } from '../support/coordinator-adapters.ts';
import { describeCoordinator } from './coordinator-suite.ts';

for (const adapter of coordinatorAdapters) describeCoordinator(adapter);
