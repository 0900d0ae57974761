import express, { type Router } from 'express';
import { z } from 'zod';
import { UserError } from '../../common/runtime/errors.ts';
import type { ClockVerbs } from '../clock/clock-verbs.ts';

/** Longer than the longest notice; more in one step would be a mistake of units. */
const MAX_STEP_MS = 30 * 24 * 3_600_000;

const advanceBodySchema = z.strictObject({ advanceMs: z.int().nonnegative().max(MAX_STEP_MS) });

/** `GET /clock`, and `POST /clock {"advanceMs"}` for an emulator whose clock is stepped (409 for one whose clock is real). */
export function clockRoutes(clock: ClockVerbs): Router {
  const router = express.Router();
  router.get('/', (_request, response) => {
    response.json(clock.view());
  });
  router.post('/', (request, response, next) => {
    const body: unknown = request.body;
    const wanted = advanceBodySchema.safeParse(body);
    if (!wanted.success) {
      next(new UserError('BAD_BODY', `expected {"advanceMs": milliseconds}, at most ${MAX_STEP_MS}`));
      return;
    }
    void clock.advance(wanted.data.advanceMs).then((view) => response.json(view), next);
  });
  return router;
}
