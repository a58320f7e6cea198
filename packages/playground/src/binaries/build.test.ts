import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { buildKube } from './build.ts';
import { createFakeGo, writeOutput } from './fake-go.ts';
import { kubernetesRelease } from './kubernetes-release.ts';

const release = await kubernetesRelease('1.36');

test('the binary is built once and found in the cache afterwards', async () => {
  await using go = await createFakeGo();
  const lines: string[] = [];
  const options = { environment: go.environment, log: (line: string) => lines.push(line) };

  const first = await buildKube(release, options);
  expect(await readFile(first, 'utf8')).toBe('built\n');
  expect(lines[0]).toMatch(/^building Kubernetes v1\.36\.\d+ with go1\.26\.8; only the first time/);
  lines.length = 0;

  expect(await buildKube(release, options)).toBe(first);
  expect(await go.builds()).toHaveLength(1);
  expect(lines).toEqual([]);
});

test('the compiler is told the version, to use no C, and the module file of the release', async () => {
  await using go = await createFakeGo();
  await buildKube(await kubernetesRelease('1.34'), { environment: go.environment });
  const [build] = await go.builds();
  expect(build).toContain('-modfile=go-1.34.mod');
  expect(build).toMatch(/version\.gitVersion=v1\.34\.\d+ .*gitMajor=1 .*gitMinor=34/);
});

test('callers at the same time share one build', async () => {
  // The build goes on when the others have said that they wait for it.
  await using go = await createFakeGo({ build: `mkfifo "$HOME/gate" && read _ < "$HOME/gate"; ${writeOutput}` });
  let waiting = 0;
  const log = (line: string): void => {
    if (line.startsWith('waiting for process') && ++waiting === 3) {
      void writeFile(join(go.environment.HOME!, 'gate'), '\n');
    }
  };
  const binaries = await Promise.all(
    Array.from({ length: 4 }, () => buildKube(release, { environment: go.environment, log })),
  );
  expect(new Set(binaries).size).toBe(1);
  expect(await go.builds()).toHaveLength(1);
});

test('a build that fails says what the compiler said and leaves nothing behind', async () => {
  await using go = await createFakeGo({ build: 'echo "main.go:7:2: no such thing" >&2; exit 3' });
  const failure = buildKube(release, { environment: go.environment });
  await expect(failure).rejects.toMatchObject({
    code: 'build_failed',
    message: 'go build failed (exit code 3):\nmain.go:7:2: no such thing',
  });
  expect(await readdir(go.cache)).toEqual([]);
});

test('a cancelled build stops the compiler and leaves nothing behind', async () => {
  await using go = await createFakeGo({ build: 'exec sleep 600' });
  const cancel = new AbortController();
  const build = buildKube(release, {
    environment: go.environment,
    signal: cancel.signal,
    log: () => cancel.abort(),
  });
  await expect(build).rejects.toMatchObject({ code: 'aborted' });
  expect(await readdir(go.cache)).toEqual([]);
});

test('without Go the error names what to install', async () => {
  await using go = await createFakeGo();
  const environment = { ...go.environment, PATH: '/nonexistent' };
  const failure = buildKube(release, { environment });
  await expect(failure).rejects.toMatchObject({ code: 'go_missing' });
  await expect(failure).rejects.toThrow(/could not be run.*Install Go 1\.21 or newer.*or set KUBEBUILDER_ASSETS/);
});

test.each([
  ['go1.20.14', 'go_too_old'],
  ['go1.19', 'go_too_old'],
])('%s is refused', async (version, code) => {
  await using go = await createFakeGo({ version });
  const failure = buildKube(release, { environment: go.environment });
  await expect(failure).rejects.toMatchObject({ code });
  await expect(failure).rejects.toThrow(`${version} is too old`);
});

test.each(['go1.21.0', 'go1.30rc1', 'devel go1.27-abcdef'])('%s is new enough', async (version) => {
  await using go = await createFakeGo({ version });
  await buildKube(release, { environment: go.environment });
});

test('a build removes binaries that were not used for a month, and what killed builders left', async () => {
  await using go = await createFakeGo();
  const long = new Date(Date.now() - 31 * 24 * 60 * 60 * 1000);
  const gone = spawn('true');
  await once(gone, 'exit');
  const [old, recent, abandoned, underWay] = ['old', 'recent', `a.new-${gone.pid}`, `b.new-${process.pid}`] as const;
  for (const name of [old, recent, abandoned, underWay]) await mkdir(join(go.cache, name), { recursive: true });
  await utimes(join(go.cache, old), long, long);
  const binary = await buildKube(release, { environment: go.environment });
  expect((await readdir(go.cache)).sort()).toEqual([basename(dirname(binary)), underWay, recent].sort());
});
