import { badVersion, jsonAnswer, type Answer } from './answer.ts';
import { EVENT_VERSIONS, INSTANCE_VERSIONS, type EventVersion, type InstanceVersion } from './versions.ts';

/** The api-versions that a region offers, and its answers to others. Made once a fleet: they never change. */
export interface OfferedVersions {
  /** The version as one of the events endpoint; undefined when it is not offered. */
  event(text: string | undefined): EventVersion | undefined;
  /** The version as one of the instance endpoint and its siblings; undefined when it is not offered. */
  instance(text: string | undefined): InstanceVersion | undefined;
  readonly badEvent: Answer;
  readonly badInstance: Answer;
  /** `GET /metadata/versions`. */
  readonly listing: Answer;
}

/** All versions but `refused`: new ones reach regions one after another, and a region without one answers 400. */
export function offeredVersions(refused: readonly string[] = []): OfferedVersions {
  const events = EVENT_VERSIONS.filter((version) => !refused.includes(version));
  const instances = INSTANCE_VERSIONS.filter((version) => !refused.includes(version));
  return {
    event: (text) => events.find((version) => version === text),
    instance: (text) => instances.find((version) => version === text),
    badEvent: badVersion(events),
    badInstance: badVersion(instances),
    listing: jsonAnswer(200, { apiVersions: instances }),
  };
}
