import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NodeConfig, parseConfig } from '@wigeon/node';
import { type Playground, startPlayground } from '@wigeon/playground';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareKubelet } from './prepare-kubelet.ts';
import { removeNode } from './remove-node.ts';

let playground: Playground;
let directory: string;
let config: NodeConfig;
beforeAll(async () => {
  playground = await startPlayground();
  directory = await mkdtemp(join(tmpdir(), 'wigeon-in-cluster-'));
  config = parseConfig({
    nodeName: 'pond',
    kubeconfig: playground.kubeconfig,
    stateDir: directory,
    address: '10.88.0.7',
    kubelet: {
      certFile: join(directory, 'tls', 'tls.crt'),
      keyFile: join(directory, 'tls', 'tls.key'),
      clientCAFile: join(directory, 'tls', 'ca.crt'),
    },
    gateway: { keys: ['pk_test'] },
  });
});
afterAll(async () => {
  await playground?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

test('prepare writes a certificate for the address of the pod, and the CA that the cluster publishes', async () => {
  await prepareKubelet(config);
  const certificate = new X509Certificate(await readFile(config.kubelet.certFile));
  expect(certificate.checkIP('10.88.0.7')).toBe('10.88.0.7');
  expect(certificate.checkHost('pond')).toBe('pond');
  expect(certificate.checkPrivateKey(createPrivateKey(await readFile(config.kubelet.keyFile)))).toBe(true);
  expect((await stat(config.kubelet.keyFile)).mode & 0o777).toBe(0o600);
  const authority = new X509Certificate(await readFile(config.kubelet.clientCAFile));
  const apiServer = new X509Certificate(await readFile(playground.kubeletClient.certificate));
  expect(apiServer.verify(authority.publicKey)).toBe(true);
});

test('prepare makes another certificate at the next start, when the pod has another address', async () => {
  await prepareKubelet({ ...config, address: '10.88.0.8' });
  expect(new X509Certificate(await readFile(config.kubelet.certFile)).checkIP('10.88.0.7')).toBeUndefined();
});

test('remove scales the StatefulSet to nothing, deletes the Node, and can be repeated', async () => {
  const manifest = {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'pond' } },
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'pond' },
        spec: {
          selector: { matchLabels: { app: 'pond' } },
          serviceName: 'pond',
          template: {
            metadata: { labels: { app: 'pond' } },
            spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'node', image: 'x' }] },
          },
        },
      },
    ],
  };
  const applied = await playground.kubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
  expect(applied).toMatchObject({ code: 0 });
  const options = {
    nodeName: 'pond',
    namespace: 'default',
    statefulSet: 'pond',
    kubeconfig: playground.kubeconfig,
    signal: AbortSignal.timeout(50_000),
  };
  await removeNode(options);
  const { stdout } = await playground.kubectl(['get', 'nodes,pods', '-o', 'name']);
  expect(stdout.toString()).toBe('');
  const replicas = await playground.kubectl(['get', 'statefulset', 'pond', '-o', 'jsonpath={.spec.replicas}']);
  expect(replicas.stdout.toString()).toBe('0');
  await removeNode(options);
});
