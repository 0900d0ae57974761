import { describe, expect, it } from 'vitest';
import { createFolder } from '../../demo/folder.ts';

describe('the folder of a demonstration', () => {
  it('is refused where the sockets of the agents would have too long a path, with a way out', async () => {
    const parent = `/tmp/${'deep/'.repeat(15)}`;
    await expect(createFolder(parent)).rejects.toMatchObject({
      code: 'FOLDER_TOO_DEEP',
      exitStatus: 2,
      hint: expect.stringContaining('TMPDIR=/tmp') as string,
    });
  });

  it('is refused where none can be made', async () => {
    await expect(createFolder('/nowhere')).rejects.toMatchObject({
      code: 'FOLDER_UNUSABLE',
      message: expect.stringMatching(/^cannot make a folder in \/nowhere: ENOENT/) as string,
    });
  });
});
