import type { CampaignSummary } from './campaign.ts';
import { FAULT_KINDS } from './faults.ts';
import { INVARIANTS } from './invariants.ts';
import type { Finding } from './mutants/find.ts';

/** What a campaign came to, in a few lines. */
export function describeCampaign(sum: CampaignSummary, wallMs: number): string {
  const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
  const perSecond = Math.round(sum.seeds / (wallMs / 1000));
  const perCpuSecond = Math.round(sum.seeds / sum.cpuSeconds);
  const { R1, R2, R3 } = sum.residuals;
  return [
    `${sum.mode}: ${sum.seeds} seeds, ${perSecond} a second, ${perCpuSecond} a second of processor time`,
    `  events ${sum.events}, approved early ${sum.approved} (${percent(sum.approved, sum.events)}), approvals sent ${sum.posts}`,
    `  runs with an open intent taken over ${sum.takeovers} (${percent(sum.takeovers, sum.seeds)})`,
    `  violations: ${INVARIANTS.map((name) => `${name} ${sum.broken[name] ?? 0}`).join(', ')}`,
    `  nobody can prevent: R1 ${R1}, R2 ${R2}, R3 ${R3}`,
  ].join('\n');
}

export function describeFaults(sum: CampaignSummary): string {
  return `  faults: ${FAULT_KINDS.map((kind) => `${kind} ${sum.fired[kind] ?? 0}`).join(', ')}`;
}

/** The table of mutants: what was switched off, by what it was found, and which invariants told. */
export function describeMutants(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ mutant }) => mutant.length));
  return findings
    .map(({ mutant, rule, found, control }) => {
      const what = found === undefined ? 'NOT FOUND' : `${found.invariants.join(', ').padEnd(12)} ${found.by}`;
      const also = control.length === 0 ? '' : ` BUT THE PRODUCT ITSELF BREAKS ${control.join(', ')}`;
      return `${mutant.padEnd(width)}  ${`rule ${rule}`.padEnd(14)}  ${what}${also}`;
    })
    .join('\n');
}
