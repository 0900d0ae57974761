import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { replaceFile } from '../../../common/runtime/atomic-file.ts';
import { describeError } from '../../../common/runtime/errors.ts';
import { Closers } from '../../../common/runtime/lifecycle.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('replaceFile', () => {
  it('replaces the content, readable by its owner only, and leaves nothing beside it', async () => {
    const folder = temporaryFolder();
    writeFileSync(`${folder}/state`, 'old');
    await replaceFile(`${folder}/state`, 'new');
    expect(readFileSync(`${folder}/state`, 'utf8')).toBe('new');
    expect(statSync(`${folder}/state`).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['state']);
  });

  it('leaves the old content when the new one cannot be put in place', async () => {
    const folder = temporaryFolder();
    writeFileSync(`${folder}/state`, 'old');
    chmodSync(folder, 0o700);
    await expect(replaceFile(`${folder}/missing/state`, 'new')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(readFileSync(`${folder}/state`, 'utf8')).toBe('old');
  });
});

describe('Closers', () => {
  it('close in the reverse order, once, all of them even when one fails', async () => {
    const closed: string[] = [];
    const closers = new Closers();
    closers.add(() => {
      closed.push('first');
    });
    closers.add(() => {
      throw new Error('stuck');
    });
    closers.add(() => {
      closed.push('last');
    });
    const results = await Promise.allSettled([closers.close(), closers.close()]);
    expect(closed).toEqual(['last', 'first']);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  });
});

describe('describeError', () => {
  it('tells the whole chain of causes in one line', () => {
    const error = new Error('cannot poll', { cause: new Error('connection refused', { cause: 'ECONNREFUSED' }) });
    expect(describeError(error)).toBe('cannot poll: connection refused: ECONNREFUSED');
  });

  it('is not caught by causes that go in a circle', () => {
    const error = new Error('round');
    error.cause = error;
    expect(describeError(error)).toBe('round');
  });
});
