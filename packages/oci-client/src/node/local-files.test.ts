import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseReference } from '../reference.ts';
import { collectFiles } from './collect-files.ts';
import { readDockerConfig } from './docker-config.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wigeon-files-'));
  await mkdir(join(directory, 'tree/sub'), { recursive: true });
  await writeFile(join(directory, 'tree/b'), 'b', { mode: 0o600 });
  await writeFile(join(directory, 'tree/sub/run'), 'r', { mode: 0o700 });
  await symlink('b', join(directory, 'tree/a'));
  await writeFile(join(directory, 'outside'), 'o');
});
afterAll(() => rm(directory, { recursive: true }));

describe('files for an image', () => {
  test('come sorted, with modes that are the same everywhere and links followed', async () => {
    const files = await collectFiles(join(directory, 'tree'), '/data/');
    expect(files.map(({ path, content, mode }) => [path, content.toString(), mode?.toString(8)])).toEqual([
      ['/data/a', 'b', '644'],
      ['/data/b', 'b', '644'],
      ['/data/sub/run', 'r', '755'],
    ]);
    expect((await collectFiles(join(directory, 'outside'), '/etc/o')).map(({ path }) => path)).toEqual(['/etc/o']);
  });

  test.each([
    ['out of the directory', '../outside', 'out of'],
    ['in a circle', '.', 'circle'],
    ['to nothing', 'missing', 'to nothing'],
  ])('a link %s is refused', async (_, target, why) => {
    const link = join(directory, 'tree/link');
    await symlink(target, link);
    try {
      await expect(collectFiles(join(directory, 'tree'), '/')).rejects.toThrow(
        expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining(why) }),
      );
    } finally {
      await rm(link);
    }
  });

  test('a directory that is not there is named', async () => {
    await expect(collectFiles(join(directory, 'none'), '/')).rejects.toThrow('none cannot be added');
  });
});

test('the docker config is read where DOCKER_CONFIG says, and may be missing', async () => {
  const reference = parseReference('r.example/x');
  expect((await readDockerConfig({ DOCKER_CONFIG: join(directory, 'none') })).candidates(reference)).toEqual([]);
  await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { 'r.example': { auth: btoa('u:p') } } }));
  expect((await readDockerConfig({ DOCKER_CONFIG: directory })).candidates(reference)).toEqual([
    { kind: 'basic', username: 'u', password: 'p' },
  ]);
});
