import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { createStateDirectory, removeStaleStateDirectories } from './state-directory.ts';

test('folders of dead launchers go away, those of the living and of others stay', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'wigeon-state-'));
  try {
    const child = spawn('true');
    await once(child, 'exit');
    const dead = join(parent, `wigeon-playground-${child.pid}-abcdef`);
    await mkdir(join(dead, 'etcd'), { recursive: true });
    await mkdir(join(parent, 'wigeon-playground-notes'));
    const own = await createStateDirectory(parent);
    await removeStaleStateDirectories(parent);
    expect((await readdir(parent)).sort()).toEqual([basename(own), 'wigeon-playground-notes'].sort());
  } finally {
    await rm(parent, { recursive: true });
  }
});
