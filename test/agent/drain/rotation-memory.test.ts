import { mkdirSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRotationMemory } from '../../../agent/drain/rotation-memory.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('the memory of the rotation', () => {
  it('outlives a restart of the agent, not a boot', async () => {
    const file = path.join(temporaryFolder(), 'rotation');
    const first = await openRotationMemory(file, 'boot-1', silentLog);
    expect(first.wasIn).toBe(false);
    await first.drain.restore();
    expect((await openRotationMemory(file, 'boot-1', silentLog)).wasIn).toBe(true);
    expect((await openRotationMemory(file, 'boot-2', silentLog)).wasIn).toBe(false);
    await first.drain.start();
    expect(existsSync(file)).toBe(false);
  });

  it('takes every start for a boot where boots cannot be told apart', async () => {
    const file = path.join(temporaryFolder(), 'rotation');
    writeFileSync(file, '');
    expect((await openRotationMemory(file, '', silentLog)).wasIn).toBe(false);
  });

  it('keeps a VM from promising while it cannot be removed, and does not mind that it cannot be written', async () => {
    const file = path.join(temporaryFolder(), 'rotation');
    // A folder in its place: neither to be replaced nor to be removed as a file.
    mkdirSync(path.join(file, 'within'), { recursive: true });
    const { drain } = await openRotationMemory(file, 'boot-1', silentLog);
    await expect(drain.start()).rejects.toMatchObject({ syscall: expect.any(String) });
    await expect(drain.restore()).resolves.toBeUndefined();
  });
});
