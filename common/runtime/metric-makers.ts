import type * as Prometheus from 'prom-client';

/**
 * Makes the metrics of one program, all with `prefix` before their names, in a registry of their own. The library is passed in: it
 * is loaded only where settings want metrics.
 */
export function metricMakers({ Counter, Gauge, Histogram, Registry }: typeof Prometheus, prefix: string) {
  const registry = new Registry();
  const registers = [registry];
  const name = (rest: string): string => `${prefix}_${rest}`;
  return {
    registry,
    gauge: <Label extends string = never>(rest: string, help: string, labelNames: readonly Label[] = []) =>
      new Gauge<Label>({ name: name(rest), help, labelNames, registers }),
    counter: <Label extends string = never>(rest: string, help: string, labelNames: readonly Label[] = []) =>
      new Counter<Label>({ name: name(rest), help, labelNames, registers }),
    histogram: <Label extends string = never>(
      rest: string,
      help: string,
      buckets: number[],
      labelNames: readonly Label[] = [],
    ) => new Histogram<Label>({ name: name(rest), help, buckets, labelNames, registers }),
  };
}
