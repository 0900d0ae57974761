/** Longest message for a queue or topic: the limit for bodies ("Scheduler Limits and Defaults"). */
export const MAX_MESSAGE_CHARACTERS = 8192;
