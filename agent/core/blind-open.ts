/**
 * After boot a VM does not know what it has promised: the journal may be gone with its disk. It stays out until the
 * metadata service has told of the events and the coordinator of the promises; only if nothing can be reached and the
 * journal knows of no promise either does it open after this long, because then there is most likely nothing to wait for.
 */
export const BLIND_OPEN_MS = 60_000;
