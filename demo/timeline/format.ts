import type { Line, Tone } from './describe.ts';

/** Widest name and verb of the example fleet; longer ones push their own line out of its column and nothing else. */
const WHO_WIDTH = 13;
const WHAT_WIDTH = 12;
/** A terminal of this width shows every line on one row. */
const LINE_WIDTH = 118;

const COLORS: Readonly<Record<Tone, string>> = {
  plain: '',
  notice: '\u001B[33m',
  promise: '\u001B[36m',
  hit: '\u001B[35m',
  good: '\u001B[32m',
  bad: '\u001B[31m',
};
const RESET = '\u001B[0m';

/** `  +3.4 s  FrontEnd_IN_0  drained       no connection left`: time since `startMs`, who, what, more. */
export function formatLine(line: Line, view: { readonly startMs: number; readonly hasColor: boolean }): string {
  const time = `+${(Math.max(0, line.atMs - view.startMs) / 1000).toFixed(1)} s`.padStart(8);
  const start = `${time}  ${line.who.padEnd(WHO_WIDTH)}  `;
  const what = line.what.padEnd(WHAT_WIDTH);
  const room = LINE_WIDTH - start.length - what.length - 2;
  const detail = shorten(line.detail.replaceAll(/\s+/g, ' '), room);
  const end = detail === '' ? '' : `  ${detail}`;
  return `${start}${paint(detail === '' ? what.trimEnd() : what, line.tone, view.hasColor)}${end}`;
}

/** `── (a) Freeze FrontEnd_IN_0 ─────`, as wide as the timeline. */
export function formatHeading(title: string): string {
  return `── ${title} `.padEnd(LINE_WIDTH, '─');
}

/** Text in the colour of its tone, or as it stands where there are no colours. */
export function paint(text: string, tone: Tone, hasColor: boolean): string {
  const color = COLORS[tone];
  return hasColor && color !== '' ? `${color}${text}${RESET}` : text;
}

function shorten(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 1).trimEnd()}…`;
}
