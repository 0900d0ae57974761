import type { Drain, DrainReading } from '../drain/drain.ts';

/** The same drains, which also say what each look found. */
export function measuredDrains(
  drains: readonly Drain[],
  looked: (balancer: string, reading: DrainReading) => void,
): readonly Drain[] {
  return drains.map((drain) => ({
    ...drain,
    start: async () => {
      await drain.start();
    },
    restore: async () => {
      await drain.restore();
    },
    read: async () => {
      const reading = await drain.read();
      looked(withoutServer(drain.name), reading);
      return reading;
    },
  }));
}

/** `haproxy web/s1 at /run/x` → `haproxy at /run/x`: the server is this VM, and names of VMs are no labels. */
function withoutServer(name: string): string {
  return name.replace(/ \S+\/\S+ at /, ' at ');
}
