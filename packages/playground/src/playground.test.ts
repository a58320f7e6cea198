import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Playground, startPlayground } from './playground.ts';
import { isAlive } from './processes/is-alive.ts';

let playground: Playground;
beforeAll(async () => {
  playground = await startPlayground({ nodeName: 'pond', log: console.error });
});
afterAll(() => playground?.[Symbol.asyncDispose]());

/** Runs kubectl, expects success, returns what it printed. */
const kubectl = async (args: string[], input?: string): Promise<string> => {
  const { stdout, stderr, code } = await playground.kubectl(args, input === undefined ? {} : { input });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout.toString();
};
const asNode = (): string => `--kubeconfig=${playground.node.kubeconfig}`;

test('kubectl shows the namespaces of a new cluster', async () => {
  expect((await kubectl(['get', 'namespaces', '-o', 'name'])).split('\n')).toContain('namespace/default');
  const { server } = JSON.parse(await kubectl(['config', 'view', '-o', 'jsonpath={.clusters[0].cluster}']));
  expect(server).toBe(playground.server);
});

test('kubectl reads its input, and its failures have a code and a message', async () => {
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'note' }, data: { text: 'ü' } };
  await kubectl(['apply', '-f', '-'], JSON.stringify(configMap));
  expect(await kubectl(['get', 'configmap', 'note', '-o', 'jsonpath={.data.text}'])).toBe('ü');
  const failed = await playground.kubectl(['get', 'pod', 'nobody']);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain('pods "nobody" not found');
});

test('the output of a kubectl that goes on can be read while it runs', async () => {
  await using watch = playground.kubectlStream(['get', 'configmaps', '--watch', '-o', 'name']);
  const lines = createInterface({ input: watch.stdout });
  const seen = new Promise((resolve) => lines.on('line', (line) => line === 'configmap/late' && resolve(line)));
  await once(lines, 'line');
  await kubectl(['create', 'configmap', 'late']);
  expect(await seen).toBe('configmap/late');
});

test('a node may list the pods bound to it, and nothing more', async () => {
  const list = ['get', 'pods', '--all-namespaces', '-o', 'name', asNode()];
  expect(await kubectl([...list, '--field-selector', 'spec.nodeName=pond'])).toBe('');
  for (const selector of [[], ['--field-selector', 'spec.nodeName=other']]) {
    const refused = await playground.kubectl([...list, ...selector]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/Error from server \(Forbidden\): .*User "system:node:pond" cannot list/);
  }
});

test('the registry takes an image, gives it back and deletes it', async () => {
  const registry = `http://${playground.registry}/v2`;
  expect((await fetch(`${registry}/`)).status).toBe(200);
  const content = 'hello';
  const digest = `sha256:${Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(content))).toString('hex')}`;
  const upload = await fetch(`${registry}/pond/blobs/uploads/`, { method: 'POST' });
  const location = new URL(upload.headers.get('location')!, registry);
  location.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream' };
  expect((await fetch(location, { method: 'PUT', body: content, headers })).status).toBe(201);
  const blob = `${registry}/pond/blobs/${digest}`;
  expect(await (await fetch(blob)).text()).toBe(content);
  expect((await fetch(blob, { method: 'DELETE' })).status).toBe(202);
  expect((await fetch(blob)).status).toBe(404);
});

test('a pod is scheduled to a ready node, and its log comes from the kubelet port over verified TLS', async () => {
  const { serving, clientCertificateAuthority } = playground.node;
  const callers: string[] = [];
  const kubelet = createServer(
    {
      cert: await readFile(serving.certificate),
      key: await readFile(serving.key),
      ca: await readFile(clientCertificateAuthority),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      callers.push(`${(request.socket as TLSSocket).getPeerCertificate().subject.CN}`);
      response.end(`log of ${request.url}\n`);
    },
  ).listen(0, '127.0.0.1');
  await once(kubelet, 'listening');
  const { port } = kubelet.address() as { port: number };
  try {
    const resources = { cpu: '1', memory: '1Gi', pods: '10' };
    const status = {
      conditions: [{ type: 'Ready', status: 'True', reason: 'Test', lastHeartbeatTime: new Date().toISOString() }],
      capacity: resources,
      allocatable: resources,
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    };
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'pond' }, status };
    await kubectl(['create', '-f', '-', asNode()], JSON.stringify(node));
    await kubectl(['run', 'duck', '--image=none.invalid/none', '--restart=Never']);
    await kubectl(['wait', 'pod/duck', '--for=condition=PodScheduled', '--timeout=30s']);
    expect(await kubectl(['get', 'pod', 'duck', '-o', 'jsonpath={.spec.nodeName}'])).toBe('pond');
    expect(await kubectl(['logs', 'duck'])).toBe('log of /containerLogs/default/duck/duck\n');
    expect(callers).toEqual(['kube-apiserver-kubelet-client']);
    const { subject } = new X509Certificate(await readFile(playground.kubeletClient.certificate));
    expect(subject).toBe('CN=kube-apiserver-kubelet-client');
    const may = ['auth', 'can-i', 'create', 'nodes', '--subresource=proxy', '--as=kube-apiserver-kubelet-client'];
    expect((await playground.kubectl(may)).stdout.toString()).toBe('yes\n');
  } finally {
    kubelet.closeAllConnections();
    kubelet.close();
  }
});

test('an unready node is noticed early when the monitor grace is short', async () => {
  await using quick = await startPlayground({ nodeMonitorGraceSeconds: 4 });
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'silent' } };
  await quick.kubectl(['create', '-f', '-'], { input: JSON.stringify(node) });
  const status = { conditions: [{ type: 'Ready', status: 'True', reason: 'Test' }] };
  await quick.kubectl(['patch', 'node', 'silent', '--subresource=status', '-p', JSON.stringify({ status })]);
  const wait = ['wait', 'node/silent', '--for=condition=Ready=Unknown', '--timeout=20s'];
  expect((await quick.kubectl(wait)).code).toBe(0);
});

test('playgrounds run side by side, and a disposed one leaves no process and no file', async () => {
  const second = await startPlayground({ nodeName: 'lake' });
  const pids = second.components.map(({ pid }) => pid);
  try {
    expect(pids.every(isAlive)).toBe(true);
    expect(second.server).not.toBe(playground.server);
    await second.kubectl(['create', 'namespace', 'only-here']);
    const elsewhere = await playground.kubectl(['get', 'namespace', 'only-here']);
    expect(elsewhere.stderr).toContain('not found');
  } finally {
    await second[Symbol.asyncDispose]();
  }
  await second.done;
  expect(pids.filter(isAlive)).toEqual([]);
  await expect(readdir(second.directory)).rejects.toThrow('ENOENT');
  await kubectl(['get', 'namespaces']);
});
