import { z } from 'zod';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { Claims } from './claims.ts';
import type { Drain } from './drain.ts';

/** What an operator's own way of draining is asked to do. */
export type DrainVerb = 'turn-away' | 'read' | 'back-in';

export interface VerbDrainOptions {
  readonly name: string;
  /** Does it, and resolves with the text of the answer; rejects when it was not done. */
  call(verb: DrainVerb): Promise<string>;
  /** False where nothing can say whether traffic is left: then an accepted `turn-away` is all there is. */
  readonly canRead: boolean;
  readonly claims: Claims;
  readonly log: Log;
}

const turnAwaySchema = z.object({ alreadyOut: z.boolean().default(false) });
const readSchema = z.object({ clear: z.boolean(), detail: z.string().max(1000).default('') });

/**
 * A drain of the operator's own: an executable, a privileged action, or HTTP calls. Each has three verbs, and each verb may
 * come again at any time: `turn-away` once a second while the VM is to be out.
 *
 * `turn-away` may answer `{"alreadyOut": true}`: somebody else had turned the VM away before, and `back-in` is then never
 * asked for. `read` answers `{"clear": false, "detail": "3 sessions"}`; an answer of another form is no answer.
 */
export function verbDrain(options: VerbDrainOptions): Drain {
  const { name, claims, log } = options;
  let isAway = false;
  return {
    name,
    start: async () => {
      const wasOurs = claims.get(name) !== undefined;
      try {
        // First on disk: after a crash in between, a VM that nobody claims would never be given back.
        await claims.set(name, 'out');
      } catch (error) {
        log.error(
          { drain: name, reason: describeError(error) },
          'cannot keep on disk that this VM is turned away by us',
        );
      }
      const answer = turnAwaySchema.safeParse(parseOrUndefined(await options.call('turn-away')));
      if (!wasOurs && answer.data?.alreadyOut === true) await claims.remove(name);
      isAway = true;
    },
    read: async () => {
      if (!options.canRead)
        return { clear: isAway, detail: isAway ? 'turned away; nothing can be read' : 'not turned away' };
      const text = await options.call('read');
      const answer = readSchema.safeParse(parseOrUndefined(text));
      if (!answer.success)
        throw new Error(
          `expected an answer like {"clear": true, "detail": "…"}, got ${JSON.stringify(text.slice(0, 200))}`,
        );
      return answer.data;
    },
    restore: async () => {
      if (claims.get(name) !== undefined) {
        await options.call('back-in');
        await claims.remove(name);
      }
      isAway = false;
    },
  };
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
