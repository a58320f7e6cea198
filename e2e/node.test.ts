// What the cluster sees of the node, and what pods that cannot run look like.
import { TestCluster } from '@wigeon/testkit/cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

interface NodeObject {
  readonly metadata: { readonly labels: Record<string, string>; readonly resourceVersion: string };
  readonly status: {
    readonly capacity: Record<string, string>;
    readonly allocatable: Record<string, string>;
    readonly conditions: { type: string; status: string }[];
  };
}

const getNode = () => cluster.api.request<NodeObject>('GET', `/api/v1/nodes/${cluster.node.name}`);

/** Waits by watching until the node's CPU capacity is this. */
async function untilCpu(cpu: string): Promise<void> {
  await cluster.kubectl(
    'wait',
    `node/${cluster.node.name}`,
    `--for=jsonpath={.status.capacity.cpu}=${cpu}`,
    '--timeout=3s',
  );
}

describe('the Node', () => {
  it('is Ready, with its own operating system and a lease that is renewed', async () => {
    const node = await getNode();
    expect(node.metadata.labels).toMatchObject({
      'kubernetes.io/os': 'wasi',
      'kubernetes.io/arch': 'wasm32',
      type: 'virtual-kubelet',
    });
    expect(node.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
    const lease = await cluster.api.request<{ spec: { holderIdentity: string; renewTime: string } }>(
      'GET',
      `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${cluster.node.name}`,
    );
    expect(lease.spec.holderIdentity).toBe(cluster.node.name);
    expect(lease.spec.renewTime).toMatch(/\.\d{6}Z$/);
  });

  it('has what its agents offer, within three seconds of their coming and going', async () => {
    const first = await cluster.agent('node', { cpuMillis: 1500, memoryBytes: 2 ** 30, containers: 4 });
    await untilCpu('1500m');
    const second = await cluster.agent('node', { cpuMillis: 500, memoryBytes: 2 ** 30, containers: 4 });
    await untilCpu('2');
    expect((await getNode()).status.allocatable).toMatchObject({ cpu: '2', memory: '2Gi' });
    await first[Symbol.asyncDispose]();
    await untilCpu('500m');
    await second[Symbol.asyncDispose]();
    await untilCpu('0');
  });
});

describe('a pod without an agent', () => {
  it('waits with a reason and starts when one comes', async () => {
    const pod = await cluster.run('hello');
    const waiting = await pod.untilWaiting('NoAgents');
    expect(waiting.status?.containerStatuses?.[0]?.state?.waiting?.message).toMatch(/no agent is connected/);
    await using agent = await cluster.agent('node');
    expect(agent.engine).toBe('node');
    expect(await pod.ends()).toMatchObject({ phase: 'Succeeded' });
    expect(await pod.events()).toContainEqual(expect.objectContaining({ reason: 'NoAgents', type: 'Warning' }));
  });
});

describe('a pod that cannot run', () => {
  it('says ErrImagePull, then ImagePullBackOff, for an image that does not exist', async () => {
    const pod = await cluster.pod({ image: `${cluster.playground.registry}/nothing:1` });
    await pod.untilWaiting('ErrImagePull');
    await pod.untilWaiting('ImagePullBackOff');
    await pod.delete();
    await pod.untilGone();
  });

  it('says InvalidImageName for a name that is none', async () => {
    const pod = await cluster.pod({ image: 'UPPER/case:!' });
    await pod.untilWaiting('InvalidImageName');
    await pod.delete();
    await pod.untilGone();
  });

  const header = [0x00, 0x61, 0x73, 0x6d];
  it.each([
    ['is not Wasm', 'text', Buffer.from('#!/bin/sh\necho hello\n')],
    ['is cut off', 'truncated', Buffer.from([...header, 1, 0, 0, 0, 1, 100, 1])],
    ['is a component', 'component', Buffer.from([...header, 0x0d, 0, 1, 0])],
  ])('ends clearly when its module %s', async (_what, name, bytes) => {
    await using agent = await cluster.agent('node');
    expect(agent.engine).toBe('node');
    const pod = await cluster.pod({ image: await cluster.imageOf(name, async () => bytes) });
    const { status } = await pod.until(({ status: now }) => now?.phase === 'Failed');
    expect(status?.message ?? status?.containerStatuses?.[0]?.state?.terminated?.message).toMatch(
      /wasm|WebAssembly|component/i,
    );
  });

  it('is refused by name for what this node does not do', async () => {
    await cluster.api.request('POST', '/api/v1/namespaces/default/pods', {
      body: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'unsupported' },
        spec: {
          hostNetwork: true,
          containers: [
            { name: 'a', image: 'x' },
            { name: 'b', image: 'x' },
          ],
        },
      },
    });
    await cluster.kubectl('wait', 'pod/unsupported', '--for=jsonpath={.status.phase}=Failed', '--timeout=30s');
    const message = (await cluster.kubectl('get', 'pod', 'unsupported', '-o', 'jsonpath={.status.message}')).toString();
    expect(message).toContain('hostNetwork');
    expect(message).toContain('2 containers');
  });
});

describe('the kubelet port', () => {
  it('answers 401 without a client certificate', async () => {
    const { Agent, fetch: fetchWith } = await import('undici');
    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
    const response = await fetchWith(`https://127.0.0.1:${cluster.node.kubeletPort}/healthz`, { dispatcher });
    expect(response.status).toBe(401);
    await dispatcher.close();
  });
});
