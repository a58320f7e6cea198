import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestProject } from 'vitest/node';
import setup from './global-setup.ts';
import { connectPlayground, type SharedPlayground, temporaryNamespace } from './index.ts';

let teardown: () => Promise<void>;
let playground: SharedPlayground;
let again: SharedPlayground;

beforeAll(async () => {
  let url = '';
  const project = { provide: (_name: string, value: string) => (url = value) };
  teardown = await setup(project as unknown as TestProject);
  [playground, again] = await Promise.all([connectPlayground(url), connectPlayground(url)]);
});

afterAll(async () => {
  await teardown();
  expect(existsSync(playground.directory)).toBe(false);
});

test('starts once, whoever asks', async () => {
  expect(again.directory).toBe(playground.directory);
  expect(readFileSync(playground.kubeconfig, 'utf8')).toContain(playground.server);
  const response = await fetch(`http://${playground.registry}/v2/`);
  await response.body?.cancel();
  expect(response.status).toBe(200);
});

test('runs kubectl with input, and carries its streams and its exit code', async () => {
  const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: birds}\ndata: {duck: "ente 🦆"}\n';
  expect((await playground.kubectl(['apply', '-f', '-'], { input: manifest })).code).toBe(0);
  const { stdout } = await playground.kubectl(['get', 'configmap', 'birds', '-o', 'jsonpath={.data.duck}']);
  expect(stdout.toString()).toBe('ente 🦆');
  const missing = await playground.kubectl(['get', 'configmap', 'goose']);
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('"goose" not found') });
});

test('streams a kubectl that goes on, until it is disposed', async () => {
  await using watch = playground.kubectlStream(['get', 'namespaces', '--watch', '-o', 'name']);
  watch.stdin.end();
  const lines = createInterface({ input: watch.stdout });
  expect((await once(lines, 'line'))[0]).toMatch(/^namespace\//);
  await watch[Symbol.asyncDispose]();
  expect(await watch.code).toBe(137);
});

test('makes credentials for further nodes', async () => {
  const { nodeName, kubeconfig } = await playground.createNodeCredentials({ nodeName: 'second' });
  expect(nodeName).toBe('second');
  expect(readFileSync(kubeconfig, 'utf8')).toContain('system:node:second');
  await expect(playground.createNodeCredentials({ nodeName: 'Not A Name' })).rejects.toThrow('Not A Name');
});

test('lends a namespace that accepts pods and goes away', async () => {
  const namespace = await temporaryNamespace(playground, 'nest');
  expect(namespace.name).toMatch(/^nest-[0-9a-f]{8}$/);
  await namespace.kubectl(['run', 'pod', '--image=nowhere']);
  await expect(namespace.kubectl(['get', 'pod', 'other'])).rejects.toThrow(
    /kubectl .*exited with 1: .*"other" not found/,
  );
  await namespace[Symbol.asyncDispose]();
  const gone = await playground.kubectl(['wait', '--for=delete', `namespace/${namespace.name}`, '--timeout=60s']);
  expect(gone).toMatchObject({ code: 0 });
});
