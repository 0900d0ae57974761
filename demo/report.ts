import type { SegmentCount } from './load/ledger.ts';
import type { Proof } from './steps/step.ts';

/** How one step went. */
export interface StepResult {
  readonly title: string;
  readonly durationMs: number;
  readonly requests: number;
  readonly failed: number;
  readonly orders: number;
  /** How many VMs answered; with one of three out, two must have carried on. */
  readonly answersByVm: Readonly<Record<string, number>>;
  readonly proofs: readonly Proof[];
  /** The first failures, one line each. */
  readonly failures: readonly string[];
}

/** A step with fewer requests has not shown much. */
export const MINIMUM_REQUESTS = 1000;

/** Failures printed after a step; more of them rarely tell more. */
const FAILURES_SHOWN = 5;

export function createStepResult(
  step: { readonly title: string; readonly durationMs: number; readonly proofs: readonly Proof[] },
  count: SegmentCount,
): StepResult {
  return {
    ...step,
    requests: count.requests,
    failed: count.failed,
    orders: count.ordersAccepted,
    answersByVm: Object.fromEntries([...count.answersByVm].toSorted(([a], [b]) => a.localeCompare(b))),
    failures: count.failures.map(
      (one) => `${new Date(one.atMs).toISOString().slice(11, 23)} ${one.what}: ${one.reason}`,
    ),
  };
}

/** The lines that end a step: what was proven, and the figure it is all about. */
export function formatStepEnd(result: StepResult): readonly string[] {
  const seconds = (result.durationMs / 1000).toFixed(1);
  const orders = `${result.orders} of them orders${result.failed === 0 ? ', every one done' : ''}`;
  return [
    ...result.proofs.map((proof) => `          proven: ${proof}`),
    `          requests ${result.requests}, failed ${result.failed}  (in ${seconds} s; ${orders})`,
    ...result.failures.slice(0, FAILURES_SHOWN).map((failure) => `          failed: ${failure}`),
  ];
}

/** What is real in this demonstration and what is shortened, before it begins. */
export function formatIntroduction(facts: { readonly requestsPerSecond: number; readonly folder: string }): string {
  return [
    'Maintenance over a cloud service of five VMs under load, and no failed request.',
    '',
    '  FrontEnd_IN_0, _1, _2  web instances: an application and an agent each, behind one public address',
    '  BackEnd_IN_0, _1       workers: they take the orders of FrontEnd from a queue; an order lost is a failed request',
    `  the load               ${facts.requestsPerSecond} requests/s, half over kept connections, half over new ones; nothing is retried`,
    '',
    'Real: every process, every request, every freeze, kill and boot, and all of Forewarn.',
    'Shortened, in the files of examples/shop:',
    '  notice          30 s     Azure: 15 min before a Freeze or Reboot, 10 min before a Redeploy',
    '  health probe    200 ms   Azure: 15 s, at best 5 s; a drain lasts that much longer there',
    '  event is over   after 3 s without it   default: 10 s, which is right in production',
    '  a reboot        1 s and what the processes need   Azure: minutes',
    '',
    `Logs, disks and stores: ${facts.folder}`,
  ].join('\n');
}

/** How a user of this checkout, or of the installed package, types the command. */
export function commandPrefix(cliFile: string): string {
  return cliFile.endsWith('.ts') ? 'npm run -s forewarn --' : 'forewarn';
}

export interface Addresses {
  readonly publicUrl: string;
  readonly controlUrl: string;
  readonly schedulerUrl: string;
  readonly queueUrl: string;
  readonly shopFolder: string;
  /** Socket of the agent of FrontEnd_IN_0. */
  readonly agentSocket: string;
}

/** What to try next, ready to be pasted. */
export function formatInvitation(prefix: string, at: Addresses): string {
  return [
    'The fleet stays up, and the load goes on. Watch here what these do:',
    '',
    `  ${prefix} emulator reboot FrontEnd_IN_0 --control ${at.controlUrl}`,
    `  ${prefix} emulator freeze FrontEnd_IN_1 --duration 5s --control ${at.controlUrl}`,
    `  ${prefix} emulator reboot FrontEnd_IN_2 --fault --control ${at.controlUrl}  # without notice: requests do fail`,
    `  ${prefix} emulator events --control ${at.controlUrl}`,
    `  ${prefix} events --all --scheduler ${at.schedulerUrl}`,
    `  ${prefix} vms --scheduler ${at.schedulerUrl}`,
    `  ${prefix} agent status --socket ${at.agentSocket}`,
    `  ${prefix} job put patch --collection shop --file ${at.shopFolder}/patch-front-end.json --scheduler ${at.schedulerUrl}`,
    `  curl ${at.publicUrl}/`,
    `  curl ${at.queueUrl}/status`,
    '',
    'Ctrl-C ends it all.',
  ].join('\n');
}

/** Why the demonstration has failed although every step came to its end, or undefined when all is well. */
export function failureOf(results: readonly StepResult[], minimumRequests: number): string | undefined {
  const failed = results.filter((result) => result.failed > 0);
  if (failed.length > 0) {
    const first = failed[0]?.failures[0] ?? 'see above';
    const sum = failed.reduce((all, result) => all + result.failed, 0);
    return `${sum} of the requests failed, the first: ${first}`;
  }
  const thin = results.find((result) => result.requests < minimumRequests);
  if (thin !== undefined) {
    return `expected at least ${minimumRequests} requests in ${thin.title}, got ${thin.requests}: too few to prove anything`;
  }
  return undefined;
}
