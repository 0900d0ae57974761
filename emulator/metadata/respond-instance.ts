import { ANSWERS, jsonAnswer, methodNotAllowed, textAnswer, type Answer } from './answer.ts';
import { instanceDocument, type InstanceFacts } from './instance.ts';
import { listingOf, walk } from './instance-node.ts';
import type { OfferedVersions } from './offered-versions.ts';
import type { ParsedRequest } from './respond.ts';

/** `/metadata/instance` and everything below it. */
export function respondInstance(facts: InstanceFacts, versions: OfferedVersions, request: ParsedRequest): Answer {
  const { method, target } = request;
  if (method !== 'GET') return methodNotAllowed('GET');
  const version = versions.instance(target.query.get('api-version'));
  if (version === undefined) return versions.badInstance;
  const node = walk(instanceDocument(facts, version), target.segments.slice(2));
  if (node === undefined) return ANSWERS.notFound;
  const isText = target.query.get('format')?.toLowerCase() === 'text';
  if (typeof node === 'string') return isText ? textAnswer(200, node, TEXT_TYPE) : ANSWERS.leafNeedsText;
  return isText ? textAnswer(200, listingOf(node), TEXT_TYPE) : jsonAnswer(200, node);
}

const TEXT_TYPE = 'text/plain; charset=utf-8';
