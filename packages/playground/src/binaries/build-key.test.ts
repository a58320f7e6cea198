import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildKey, cacheDirectory, goFlags } from './build-key.ts';
import { kubernetesRelease, kubernetesVersions, sourceDirectory } from './kubernetes-release.ts';

const release = await kubernetesRelease('1.36');
const flags = goFlags(release);

test.each(['main.go', release.moduleFile, release.checksumFile])('a change of %s makes another key', async (name) => {
  const source = await mkdtemp(join(tmpdir(), 'wigeon-key-'));
  try {
    await cp(sourceDirectory, source, { recursive: true });
    const before = await buildKey(source, release, flags);
    expect(before).toBe(await buildKey(sourceDirectory, release, flags));
    await appendFile(join(source, name), '\n');
    expect(await buildKey(source, release, flags)).not.toBe(before);
  } finally {
    await rm(source, { recursive: true });
  }
});

test('other flags, another environment and another release make other keys', async () => {
  const keys = await Promise.all([
    buildKey(sourceDirectory, release, flags),
    buildKey(sourceDirectory, release, { ...flags, args: [...flags.args, '-race'] }),
    buildKey(sourceDirectory, release, { ...flags, environment: {} }),
    buildKey(sourceDirectory, await kubernetesRelease('1.34'), flags),
  ]);
  expect(new Set(keys).size).toBe(keys.length);
});

test('every release has its module files, and the first one is 1.36', async () => {
  const releases = await Promise.all(kubernetesVersions.map(kubernetesRelease));
  expect(releases.map(({ gitVersion }) => gitVersion.replace(/\.\d+$/, ''))).toEqual(['v1.36', 'v1.34']);
});

test.each(['1.12', 'constructor'])('release %s is refused with the list of those known', async (version) => {
  await expect(kubernetesRelease(version)).rejects.toMatchObject({
    code: 'kubernetes_unsupported',
    message: expect.stringContaining('1.36, 1.34'),
  });
});

test('the cache follows XDG_CACHE_HOME, unless that is relative', () => {
  expect(cacheDirectory({ HOME: '/home/a', XDG_CACHE_HOME: '/var/a' })).toBe('/var/a/wigeon');
  expect(cacheDirectory({ HOME: '/home/a', XDG_CACHE_HOME: 'a' })).toBe('/home/a/.cache/wigeon');
  expect(cacheDirectory({ HOME: '/home/a' })).toBe('/home/a/.cache/wigeon');
});
