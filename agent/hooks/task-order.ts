/** What the scheduler wants run on this VM: one attempt of one occurrence. */
export interface TaskOrder {
  readonly workId: string;
  readonly attempt: number;
  readonly task: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
  readonly idempotencyKey: string;
}
