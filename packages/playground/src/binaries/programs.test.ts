import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFakeGo } from './fake-go.ts';
import { componentNames, findPrograms } from './programs.ts';

let assets: string;
beforeEach(async () => {
  assets = await mkdtemp(join(tmpdir(), 'wigeon-assets-'));
});
afterEach(() => rm(assets, { recursive: true }));

const put = async (names: readonly string[]): Promise<void> => {
  for (const name of names) {
    await writeFile(join(assets, name), '#!/bin/sh\n');
    await chmod(join(assets, name), 0o755);
  }
};

test('everything comes from the one Go program', async () => {
  await using go = await createFakeGo();
  const programs = await findPrograms('1.36', { environment: go.environment });
  expect(Object.keys(programs)).toEqual(componentNames);
  expect(new Set(Object.values(programs).map(({ command }) => command)).size).toBe(1);
  expect(programs.etcd).toMatchObject({ args: ['etcd'], ours: true });
});

test('a complete KUBEBUILDER_ASSETS needs no Go', async () => {
  await put(componentNames);
  const programs = await findPrograms('1.36', { environment: { PATH: '', KUBEBUILDER_ASSETS: assets } });
  expect(programs['kube-scheduler']).toEqual({ command: join(assets, 'kube-scheduler'), args: [], ours: false });
});

test('what KUBEBUILDER_ASSETS may lack comes from the Go program', async () => {
  await using go = await createFakeGo();
  await put(['etcd', 'kube-apiserver', 'kubectl', 'kube-scheduler']);
  const environment = { ...go.environment, KUBEBUILDER_ASSETS: assets };
  const programs = await findPrograms('1.36', { environment });
  const ours = componentNames.filter((name) => programs[name].ours);
  expect(ours).toEqual(['kube-controller-manager', 'registry']);
});

test('a KUBEBUILDER_ASSETS without etcd is an error that says so', async () => {
  await put(['kube-apiserver', 'kubectl']);
  await writeFile(join(assets, 'etcd'), 'not executable');
  await expect(findPrograms('1.36', { environment: { KUBEBUILDER_ASSETS: assets } })).rejects.toMatchObject({
    code: 'assets_incomplete',
    message: expect.stringContaining('where etcd cannot be found or executed'),
  });
});
