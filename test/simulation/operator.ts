import { PLAIN_POLICY, type Decision, type PolicySettings } from '../../agent/core/policy.ts';
import type { World } from './world.ts';

/** The operator of one VM. */
export class Operator {
  readonly policy: PolicySettings;
  /** Events may hit the VM in service. */
  readonly consents: boolean;
  /** It agrees although connections are left. */
  readonly agreesOnFailure: boolean;
  /** It comes back after the impact, before the event is gone. */
  readonly returnsAfterImpact: boolean;

  constructor(world: World, index: number) {
    this.policy = drawPolicy(world, index);
    const decisions = this.policy.rules.map((rule) => rule.decision);
    this.consents = decisions.some((decision) => decision.consequence === 'consent');
    this.agreesOnFailure = decisions.some((decision) => decision.onFailure === 'approve');
    this.returnsAfterImpact = decisions.some((decision) => decision.restoreAfterMs !== undefined);
  }
}

/** Short, so that leaving late lies well inside the simulated notice. */
const SHORT = { ...PLAIN_POLICY, hooksMs: 5000, agreementMs: 5000 };

/** What the operator of one VM wants: half of them nothing special, the others anything at all. */
function drawPolicy(world: World, index: number): PolicySettings {
  const { random } = world;
  if (!world.faults.hasPolicies || random.fraction() < 0.5) return world.faults.hasPolicies ? SHORT : PLAIN_POLICY;
  const happens = (probability: number): boolean => random.fraction() < probability;
  const fromMinute = Math.floor(random.fraction() * 3);
  const decision: Partial<Omit<Decision, 'rule'>> = {
    consequence: happens(0.2) ? 'consent' : happens(0.1) ? 'notify' : 'drain',
    when: happens(0.3)
      ? 'late'
      : happens(0.2)
        ? { fromMinute, toMinute: fromMinute + 1, zone: 'UTC', weekdays: undefined }
        : 'at-once',
    approve: happens(0.1) ? 'never' : 'when-ready',
    onFailure: happens(0.15) ? 'approve' : 'hold',
    restoreAfterMs: happens(0.15) ? world.between(0, 5000) : undefined,
  };
  return {
    ...SHORT,
    rules: [{ name: `of VM ${index}`, match: {}, decision }],
    patienceMs: world.between(10_000, 60_000),
    minimumInService: happens(0.2) ? 1 : 0,
  };
}
