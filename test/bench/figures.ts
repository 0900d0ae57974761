/** The value below which `fraction` of the values lie. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export interface Figure {
  readonly name: string;
  readonly ours: string;
  readonly limit: string;
  readonly ratio: string;
  /** For a limit that is a promise: whether it was kept. */
  readonly isKept?: boolean;
}

/** The same values in one table: ours, the limit or peer measured in the same run, and the ratio. */
export function formatFigures(figures: readonly Figure[]): string {
  return figures
    .map(
      ({ name, ours, limit, ratio, isKept }) =>
        `${name}\n    this program  ${ours}\n    limit         ${limit}\n    ratio         ${ratio}${isKept === false ? '   BROKEN' : ''}`,
    )
    .join('\n');
}
