import { freezeStep } from './freeze.ts';
import { rebootStep } from './reboot.ts';
import { redeployStep } from './redeploy.ts';
import { rollStep } from './roll.ts';
import type { Step } from './step.ts';

/** The demonstration, in its order. */
export const STEPS: readonly Step[] = [freezeStep, rebootStep, redeployStep, rollStep];
