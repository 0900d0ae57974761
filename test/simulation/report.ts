import type { CampaignSummary } from './campaign.ts';
import { FAULT_KINDS } from './faults.ts';
import { INVARIANTS, RESIDUALS } from './invariants.ts';
import type { Finding } from './mutants/find.ts';

/** What a campaign came to, in a few lines. */
export function describeCampaign(sum: CampaignSummary, wallMs: number): string {
  const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
  const perSecond = Math.round(sum.seeds / (wallMs / 1000));
  const perCpuSecond = Math.round(sum.seeds / sum.cpuSeconds);
  return [
    `${sum.mode}: ${sum.seeds} seeds, ${perSecond} a second, ${perCpuSecond} a second of processor time`,
    `  events ${sum.events}, approved early ${sum.approved} (${percent(sum.approved, sum.events)}), approvals sent ${sum.posts}`,
    `  runs with an open intent taken over ${sum.takeovers} (${percent(sum.takeovers, sum.seeds)})`,
    `  violations: ${INVARIANTS.map((name) => `${name} ${sum.broken[name] ?? 0}`).join(', ')}`,
    `  nobody can prevent: ${RESIDUALS.map((name) => `${name} ${sum.residuals[name]}`).join(', ')}`,
  ].join('\n');
}

export function describeFaults(sum: CampaignSummary): string {
  const fired = FAULT_KINDS.flatMap((kind) => (sum.fired[kind] === undefined ? [] : [`${kind} ${sum.fired[kind]}`]));
  return `  faults: ${fired.length === 0 ? 'none' : fired.join(', ')}`;
}

/** All modes in one table. */
export function describeAll(sums: readonly CampaignSummary[]): string {
  const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
  const heads = ['mode', 'seeds', 'a second and core', 'approved', 'taken over', ...INVARIANTS];
  const total = (of: (sum: CampaignSummary) => number): number => sums.reduce((so, sum) => so + of(sum), 0);
  const row = (name: string, part: readonly CampaignSummary[]): readonly string[] => {
    const of = (figure: (sum: CampaignSummary) => number): number => part.reduce((so, sum) => so + figure(sum), 0);
    const seeds = of((sum) => sum.seeds);
    return [
      name,
      String(seeds),
      String(Math.round(seeds / of((sum) => sum.cpuSeconds))),
      percent(
        of((sum) => sum.approved),
        of((sum) => sum.events),
      ),
      percent(
        of((sum) => sum.takeovers),
        seeds,
      ),
      ...INVARIANTS.map((invariant) => String(of((sum) => sum.broken[invariant] ?? 0))),
    ];
  };
  const rows = [heads, ...sums.map((sum) => row(sum.mode, [sum])), row('all', sums)];
  const widths = heads.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const lines = rows.map(([name = '', ...figures]) =>
    [name.padEnd(widths[0] ?? 0), ...figures.map((cell, index) => cell.padStart(widths[index + 1] ?? 0))].join('  '),
  );
  const failed = total((sum) => sum.failureCount);
  return [...lines, `runs that broke an invariant: ${failed} of ${total((sum) => sum.seeds)}`].join('\n');
}

/** The table of mutants: what was switched off, by what it was found, and which invariants told. */
export function describeMutants(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ mutant }) => mutant.length));
  const ruleWidth = Math.max(...findings.map(({ rule }) => rule.length));
  return findings
    .map(({ mutant, rule, found, control }) => {
      const what = found === undefined ? 'NOT FOUND' : `${found.invariants.join(', ').padEnd(12)} ${found.by}`;
      const also = control.length === 0 ? '' : ` BUT THE PRODUCT ITSELF BREAKS ${control.join(', ')}`;
      return `${mutant.padEnd(width)}  rule ${rule.padEnd(ruleWidth)}  ${what}${also}`;
    })
    .join('\n');
}
