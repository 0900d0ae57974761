/** History is kept for 60 days and at most the last 1000 executions of a job ("Scheduler Limits and Defaults"). */
export const HISTORY_LIFE_MS = 60 * 86_400_000;
export const HISTORY_KEPT = 1000;
