import { seconds } from './pure/steps.ts';
import type { StepResult } from './pure/timeline.ts';
import type { ScenarioReport } from './play.ts';

/** What a person reads: one line a step, the failed one with its reason, and how it ended. */
export function formatReport(report: ScenarioReport): string {
  const heading = report.clock === 'stepped' ? `${report.name} (stepped clock)` : report.name;
  const lines = report.results.map((result) => {
    const detail = result.detail === '' ? '' : ` (${result.detail})`;
    const took = result.outcome === 'ok' && result.tookMs >= 50 ? `, after ${seconds(result.tookMs)}` : '';
    return `  ${MARKS[result.outcome]}  +${seconds(result.beganMs).padEnd(9)} ${result.what}${took}${detail}`;
  });
  const failed = report.results.filter((result) => result.outcome === 'failed').length;
  const end = report.hasPassed ? 'passed' : `FAILED: ${failed} of ${report.results.length} steps`;
  return [heading, ...lines, `  ${end}, ${seconds(report.tookMs)}`].join('\n');
}

const MARKS = { ok: 'ok    ', failed: 'FAILED', skipped: '-     ' } as const;

/** JUnit XML as CI servers read it: a suite a scenario, a test case a step. Times are seconds of the scenario's clock. */
export function formatJunit(reports: readonly ScenarioReport[]): string {
  const suites = reports.map((report) => {
    const count = (outcome: StepResult['outcome']): number =>
      report.results.filter((result) => result.outcome === outcome).length;
    const attributes = [
      `name="${xml(report.name)}"`,
      `tests="${report.results.length}"`,
      `failures="${count('failed')}"`,
      `skipped="${count('skipped')}"`,
      'errors="0"',
      `time="${time(report.tookMs)}"`,
      `timestamp="${report.startedAt.slice(0, 19)}"`,
    ];
    return [
      `  <testsuite ${attributes.join(' ')}>`,
      ...report.results.map((result, index) => testCase(report, result, index)),
      '  </testsuite>',
    ].join('\n');
  });
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites, '</testsuites>', ''].join('\n');
}

function testCase(report: ScenarioReport, result: StepResult, index: number): string {
  // Steps may say the same twice; a number keeps them apart.
  const name = `${index + 1} ${result.what}`;
  const opening = `    <testcase classname="${xml(report.name)}" name="${xml(name)}" time="${time(result.tookMs)}"`;
  if (result.outcome === 'ok') return `${opening}/>`;
  const inner = result.outcome === 'skipped' ? '<skipped/>' : `<failure message="${xml(result.detail)}"/>`;
  return `${opening}>${inner}</testcase>`;
}

function time(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** Text as an attribute's value. What XML 1.0 has no place for, even escaped, becomes a question mark. */
function xml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/[\t\n\r]/g, ' ');
}
