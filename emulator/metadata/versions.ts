/**
 * The api-versions of the two endpoints. They are different sets: clients ask events with one and instance with another
 * (Azure docs, Scheduled Events, "Version and region availability"; Instance Metadata Service, "Supported API versions").
 */
export const EVENT_VERSIONS = [
  '2017-03-01',
  '2017-08-01',
  '2017-11-01',
  '2019-01-01',
  '2019-04-01',
  '2019-08-01',
  '2020-07-01',
] as const;
export type EventVersion = (typeof EVENT_VERSIONS)[number];

export const INSTANCE_VERSIONS = [
  '2017-03-01',
  '2017-04-02',
  '2017-08-01',
  '2017-10-01',
  '2017-12-01',
  '2018-02-01',
  '2018-04-02',
  '2018-10-01',
  '2019-02-01',
  '2019-03-11',
  '2019-04-30',
  '2019-06-01',
  '2019-06-04',
  '2019-08-01',
  '2019-08-15',
  '2019-11-01',
  '2020-06-01',
  '2020-07-15',
  '2020-09-01',
  '2020-10-01',
  '2020-12-01',
  '2021-01-01',
  '2021-02-01',
  '2021-03-01',
  '2021-05-01',
  '2021-08-01',
  '2021-10-01',
  '2021-11-01',
  '2021-11-15',
  '2021-12-13',
  '2023-07-01',
  '2023-11-15',
  '2024-03-15',
  '2024-07-17',
  '2025-04-07',
] as const;
export type InstanceVersion = (typeof INSTANCE_VERSIONS)[number];

/** How many versions an answer to a bad one names; clients fall back to one of them. */
const NEWEST_NAMED = 3;

/** The newest versions of a list, newest first. */
export function newestVersions(versions: readonly string[]): readonly string[] {
  return versions.slice(-NEWEST_NAMED).toReversed();
}
