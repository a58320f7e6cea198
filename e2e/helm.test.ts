// As an operator does it, in a cluster as anybody has one: helm install, a browser with the script tag, kubectl run, a
// Job, helm uninstall.
import { execFile } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, launchBrowser, type Page } from '@wigeon/browsers';
import { type ApiClient, createApiClient } from '@wigeon/node';
import { imageFromModule, pushImage } from '@wigeon/oci-client';
import { buildNodeImage } from '@wigeon/release';
import { type ProgramName, program } from '@wigeon/testkit/programs';
import { RealCluster, whyNoCluster } from '@wigeon/testkit/real-cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const chart = join(import.meta.dirname, '..', 'charts', 'wigeon');
const wigeon = join(import.meta.dirname, '..', 'packages', 'cli', 'src', 'main.ts');
const namespace = 'wigeon-system';

describe.skipIf(whyNoCluster() !== undefined)('the chart', () => {
  const resources = new AsyncDisposableStack();
  let cluster: RealCluster;
  let api: ApiClient;
  let browser: Browser;
  let before: readonly string[];
  let notes: string;
  let page: string;
  let tab: Page;

  beforeAll(async () => {
    cluster = resources.use(await RealCluster.start());
    api = resources.use(createApiClient(cluster.kubeconfig));
    const plainHttp = [cluster.registryOutside];
    await pushImage(await buildNodeImage(), `${cluster.registryOutside}/wigeon:test`, { plainHttp });
    await cluster.kubectl('create', 'namespace', namespace);
    await createVolume();
    // It belongs to what is there before, and comes when kubelet renews it for the first time.
    await cluster.kubectl('wait', 'lease/linux', '--namespace=kube-node-lease', '--for=create', '--timeout=60s');
    before = await everything();
  });
  afterAll(() => resources.disposeAsync());

  /** A volume for the node to claim: a cluster without a provisioner has none. */
  async function createVolume(): Promise<void> {
    const path = join(cluster.directory, 'volume');
    await mkdir(path);
    await chmod(path, 0o777);
    await apply({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'disk' },
      spec: {
        capacity: { storage: '20Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path },
        storageClassName: 'local',
        persistentVolumeReclaimPolicy: 'Retain',
      },
    });
  }

  async function apply(object: object): Promise<void> {
    await cluster.apply(JSON.stringify(object));
  }

  /** Every object of the cluster but events, which outlive what they are about. */
  async function everything(): Promise<string[]> {
    const kinds = (await cluster.kubectl('api-resources', '--verbs=list', '--output=name')).trim().split('\n');
    const wanted = kinds.filter((kind) => !/^(events|componentstatuses)/.test(kind)).join(',');
    const lines = await cluster.kubectl(
      'get',
      wanted,
      '--all-namespaces',
      '--ignore-not-found',
      '--no-headers',
      '--output=custom-columns=A:.kind,B:.metadata.namespace,C:.metadata.name',
    );
    return lines
      .trim()
      .split('\n')
      .map((line) => line.trim().replace(/\s+/g, ' '))
      .sort();
  }

  async function pushProgram(name: ProgramName): Promise<string> {
    const path = `/${name}.wasm`;
    await pushImage(
      imageFromModule(await program(name), { path, entrypoint: [path] }),
      `${cluster.registryOutside}/${name}:1`,
      { plainHttp: [cluster.registryOutside] },
    );
    return `${cluster.registry}/${name}:1`;
  }

  /** Creates a Job of ten pods for the node. */
  async function createJob(name: string, image: string, args: readonly string[], parallelism = 10): Promise<void> {
    await apply({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name },
      spec: {
        completions: 10,
        parallelism,
        backoffLimit: 0,
        template: {
          metadata: { annotations: { 'wigeon.dev/checkpoint-interval': '1s' } },
          spec: { runtimeClassName: 'wigeon', restartPolicy: 'Never', containers: [{ name: 'main', image, args }] },
        },
      },
    });
  }

  /** The pods of a Job that has just been created, when its controller has made the first. */
  async function untilPodsOf(job: string): Promise<string[]> {
    await cluster.kubectl('wait', `job/${job}`, '--for=jsonpath={.status.active}', '--timeout=30s');
    return podsOf(job);
  }

  async function podsOf(job: string): Promise<string[]> {
    const names = await cluster.kubectl('get', 'pods', `--selector=job-name=${job}`, '--output=name');
    return names.trim().split('\n');
  }

  /** Reads a pod's log as it comes, until it holds this text. */
  async function untilLogged(pod: string, text: string): Promise<void> {
    let log = '';
    const path = `/api/v1/namespaces/default/pods/${pod.replace('pod/', '')}/log`;
    for await (const part of await api.stream(path, { query: { follow: true } })) {
      log += Buffer.from(part).toString();
      if (log.includes(text)) return;
    }
    throw new Error(`${pod} ended without "${text}":\n${log}`);
  }

  /** Opens a tab on a site of another origin that carries the tag from the notes. */
  function openTab(): Promise<Page> {
    return browser.newPage(page);
  }

  async function untilAgents(status: 'True' | 'False'): Promise<void> {
    await cluster.kubectl('wait', 'node/wigeon', `--for=condition=AgentsConnected=${status}`, '--timeout=60s');
  }

  it('is installed, and ready when helm says so', async () => {
    notes = await cluster.helm(
      ...['install', 'wigeon', chart, `--namespace=${namespace}`, '--wait', '--timeout=120s'],
      ...['--set', `image.repository=${cluster.registry}/wigeon`, '--set', 'image.tag=test'],
      ...['--set', `images.plainHttp={${cluster.registry}}`, '--set', 'persistence.storageClass=local'],
    );
    await cluster.kubectl('wait', 'node/wigeon', '--for=condition=Ready', '--timeout=30s');
    const handler = await cluster.kubectl('get', 'runtimeclass', 'wigeon', '--output=jsonpath={.handler}');
    expect(handler).toBe('wigeon');
  });

  it('takes a browser that opens a page with the script tag of its notes', async () => {
    const tag = /<script src="(\S+)\/agent\.js" data-key="pk_\w{22}"><\/script>/.exec(notes);
    expect(tag).not.toBeNull();
    const [html, shown] = tag as unknown as [string, string];
    const address = await cluster.kubectl(
      ...['get', 'service', 'wigeon', `--namespace=${namespace}`, '--output=jsonpath={.spec.clusterIP}'],
    );
    const { port } = await cluster.forward(address, 80);
    const site = createServer((_request, response) => {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(`<!doctype html><title>a site</title>${html.replace(shown, `http://127.0.0.1:${port}`)}`);
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    resources.defer(() => void site.close());
    page = `http://localhost:${(site.address() as AddressInfo).port}/`;
    browser = resources.use(await launchBrowser('chromium'));
    tab = await openTab();
    await untilAgents('True');
  });

  it('answers wigeon agents through the API server, which asks the kubelet port of the pod', async () => {
    const command = ['agents', `--kubeconfig=${cluster.kubeconfig}`, '--output=json'];
    const { stdout } = await promisify(execFile)(process.execPath, [wigeon, ...command]);
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ engine: 'chromium' }] });
  });

  it('runs a program by kubectl run, and shows its log through the API server', async () => {
    const image = await pushProgram('hello');
    const overrides = JSON.stringify({ spec: { runtimeClassName: 'wigeon' } });
    await cluster.kubectl('run', 'hello', `--image=${image}`, '--restart=Never', `--overrides=${overrides}`);
    await cluster.kubectl('wait', 'pod/hello', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s');
    expect(await cluster.kubectl('logs', 'hello')).toMatch(/hello/i);
    await cluster.kubectl('delete', 'pod', 'hello');
  });

  it('keeps pods made for Linux on Linux', async () => {
    await cluster.kubectl('run', 'linux', `--image=${cluster.registry}/pause:1`, '--restart=Never');
    await cluster.kubectl('wait', 'pod/linux', '--for=condition=Ready', '--timeout=60s');
    expect(await cluster.kubectl('get', 'pod', 'linux', '--output=jsonpath={.spec.nodeName}')).toBe('linux');
    await cluster.kubectl('delete', 'pod', 'linux', '--now');
  });

  it('runs a Job of ten pods', async () => {
    await createJob('echo', await pushProgram('echo-args'), ['one', 'two']);
    await cluster.kubectl('wait', 'job/echo', '--for=condition=Complete', '--timeout=90s');
    const pods = await podsOf('echo');
    expect(pods).toHaveLength(10);
    for (const pod of pods) expect(await cluster.kubectl('logs', pod)).toContain('two');
    await cluster.kubectl('delete', 'job', 'echo');
  });

  it('goes on with a Job whose tab is closed half-way, when a second one opens', async () => {
    const image = await pushProgram('compute');
    // Five at a time: less than an agent takes, so that all of them are moved.
    const args = ['40', '/result', String(2 ** 20)];
    await createJob('disturbed', image, args, 5);
    const [first] = await untilPodsOf('disturbed');
    await cluster.kubectl('wait', first!, '--for=condition=Ready', '--timeout=60s');
    await untilLogged(first!, 'step 20 of 40');
    await tab.close();
    await untilAgents('False');
    tab = await openTab();
    await cluster.kubectl('wait', 'job/disturbed', '--for=condition=Complete', '--timeout=150s');

    const pods = await podsOf('disturbed');
    expect(pods).toHaveLength(10);
    // The program computes its output from its arguments: the pods that were never moved say what it has to be.
    const logs = new Set<string>();
    for (const pod of pods) {
      logs.add(await cluster.kubectl('logs', pod));
      const restarts = 'jsonpath={.status.containerStatuses[0].restartCount}';
      expect(await cluster.kubectl('get', pod, `--output=${restarts}`)).toBe('0');
    }
    expect([...logs]).toEqual([expect.stringMatching(/^step 1 of 40: .*\nstep 40 of 40: \w+\nresult \w+\n$/s)]);
    const events = await cluster.kubectl('get', 'events', '--field-selector=reason=Migrated', '--output=name');
    expect(events).not.toBe('');
    await cluster.kubectl('delete', 'job', 'disturbed');
  });

  it('has run in one process all the while', async () => {
    const status = await cluster.kubectl(
      ...['get', 'pod', 'wigeon-0', `--namespace=${namespace}`, '--output=jsonpath={.status.containerStatuses[0]}'],
    );
    const { restartCount, lastState } = JSON.parse(status) as { restartCount: number; lastState: object };
    expect({ restartCount, lastState }).toEqual({ restartCount: 0, lastState: {} });
  });

  it('is upgraded without another key', async () => {
    const key = () =>
      cluster.kubectl('get', 'secret', 'wigeon', `--namespace=${namespace}`, '--output=jsonpath={.data}');
    const first = await key();
    await cluster.helm(
      ...['upgrade', 'wigeon', chart, `--namespace=${namespace}`, '--reuse-values', '--wait', '--timeout=120s'],
      ...['--set', 'node.logLevel=debug'],
    );
    expect(await key()).toBe(first);
    // The process started anew with the volume: the agent comes back by itself.
    await untilAgents('True');
  });

  it('leaves nothing when it is uninstalled: not even the Node', async () => {
    await cluster.helm('uninstall', 'wigeon', `--namespace=${namespace}`, '--wait', '--timeout=120s');
    expect(await cluster.kubectl('get', 'nodes', '--output=name')).toBe('node/linux\n');
    // The lease, the slices of the Service and the claim are collected by controllers.
    await expect.poll(everything, { timeout: 60_000, interval: 500 }).toEqual(before);
  });
});
