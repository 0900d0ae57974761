export const SCOPE = 'shop';
export const NOTICE_MS = 120_000;

/** The event appears once the fleet has come up. */
export const EVENT_AT_MS = 10_000;

/** Other events, where there are any, appear up to this much later, while the first is in whatever state. */
export const OTHERS_WITHIN_MS = 40_000;

/** A VM that stays away is looked after so much later, and again, until the events are over. */
export const REPAIR_MS = 60_000;

/** Nothing goes wrong any more once the first event has started. */
export const LAST_FAULT_MS = EVENT_AT_MS + NOTICE_MS;

/** In liveness runs nothing goes wrong any more from here on: 50 s before NotBefore. */
export const HEAL_MS = EVENT_AT_MS + NOTICE_MS - 50_000;

/**
 * Everything is over by then: the last notice has passed, the last event is no longer hidden, and documents whose incarnations
 * began again are believed. Nearly all runs end sooner, when there is nothing left to do.
 */
export const END_MS = 15 * 60_000;
