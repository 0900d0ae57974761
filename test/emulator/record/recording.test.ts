import { describe, expect, it } from 'vitest';
import { answerAt, isSameAnswer, lastingHeaders, parseRecording } from '../../../emulator/record/recording.ts';

const HEADING =
  '{"format":"forewarn-recording-1","from":"http://x/","startedAt":"2026-11-20T12:00:00Z","intervalMs":1000}';
const ONE = '{"atMs":0,"status":200,"headers":{"etag":"1"},"body":"a"}';
const TWO = '{"atMs":5000,"error":"ECONNREFUSED"}';

describe('a recording', () => {
  it('gives what was answered at a time', () => {
    const parsed = parseRecording(`${HEADING}\n${ONE}\n${TWO}\n`);
    if (parsed.kind === 'broken') throw new Error(`line ${parsed.line}`);
    expect(answerAt(parsed.recording, 0)).toMatchObject({ body: 'a' });
    expect(answerAt(parsed.recording, 4999)).toMatchObject({ body: 'a' });
    expect(answerAt(parsed.recording, 5000)).toMatchObject({ error: 'ECONNREFUSED' });
    expect(answerAt(parsed.recording, 1e9)).toMatchObject({ error: 'ECONNREFUSED' });
  });

  it('is read without the line that was cut off while it was written', () => {
    expect(parseRecording(`${HEADING}\n${ONE}\n{"atMs":50`)).toMatchObject({
      kind: 'recording',
      recording: { entries: [{ atMs: 0 }] },
    });
  });

  it.each([
    ['', 1],
    ['my thesis\n', 1],
    [`${HEADING}\n`, 2],
    [`${HEADING}\n${ONE}\nnonsense\n`, 3],
    [`${HEADING}\n${TWO}\n${ONE}\n`, 3],
    [`${HEADING}\n{"atMs":0,"status":200,"error":"both"}\n`, 2],
    [`${HEADING}\n{"atMs":0}\n`, 2],
  ])('names the line that is none: %j', (text, line) => {
    expect(parseRecording(text)).toEqual({ kind: 'broken', line });
  });

  it('takes an answer for the same whatever the time is and the connection', () => {
    const headers = lastingHeaders({ Date: 'x', connection: 'close', 'Content-Length': '3', etag: '1' });
    expect(headers).toEqual({ etag: '1' });
    const answer = { atMs: 0, status: 200, headers: { a: '1', b: '2' }, body: '' };
    expect(isSameAnswer(answer, { ...answer, atMs: 9, headers: { b: '2', a: '1' } })).toBe(true);
    expect(isSameAnswer(answer, { ...answer, headers: { a: '1' } })).toBe(false);
    expect(isSameAnswer(answer, { ...answer, status: 304 })).toBe(false);
    expect(isSameAnswer(undefined, answer)).toBe(false);
  });
});
