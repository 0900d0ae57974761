import { UserError } from '../common/runtime/errors.ts';
import { requestJson, type JsonRequest } from '../common/runtime/http-json.ts';

/** The agent answers from memory; a withdrawal waits up to 8 s for the coordinator's word. */
const TIMEOUT_MS = 10_000;

/** One request of a command to the agent on this VM. Throws a `UserError` when it is not there or says no. */
export async function askAgent(
  socket: string,
  request: Pick<JsonRequest, 'method' | 'path' | 'body'>,
): Promise<unknown> {
  const answer = await requestJson(
    { kind: 'socket', path: socket },
    { ...request, timeoutMs: TIMEOUT_MS },
    { what: 'agent', option: '--socket' },
  );
  if (answer.status < 300) return answer.body;
  const { body } = answer;
  const said =
    typeof body === 'object' && body !== null
      ? String(Reflect.get(body, 'error') ?? Reflect.get(body, 'detail') ?? answer.text)
      : answer.text;
  throw new UserError(
    answer.status === 503 ? 'AGENT_NOT_READY' : 'AGENT_REFUSED',
    `the agent at ${socket} answered ${answer.status}: ${said.trim()}`,
    { hint: answer.status === 503 ? 'its log says what it waits for' : 'forewarn agent status shows what it sees' },
  );
}
