// As an operator does it, in a cluster as anybody has one: helm install, a browser with the script tag, kubectl run, a
// Job, helm uninstall.
import { chmod, mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, launchBrowser, type Page } from '@wigeon/browsers';
import { imageFromModule, pushImage } from '@wigeon/oci-client';
import { buildNodeImage } from '@wigeon/release';
import { type ProgramName, program } from '@wigeon/testkit/programs';
import { RealCluster, whyNoCluster } from '@wigeon/testkit/real-cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const chart = join(import.meta.dirname, '..', 'charts', 'wigeon');
const namespace = 'wigeon-system';

describe.skipIf(whyNoCluster() !== undefined)('the chart', () => {
  const resources = new AsyncDisposableStack();
  let cluster: RealCluster;
  let browser: Browser;
  let before: readonly string[];
  let notes: string;
  let page: string;

  beforeAll(async () => {
    cluster = resources.use(await RealCluster.start());
    const plainHttp = [cluster.registryOutside];
    await pushImage(await buildNodeImage(), `${cluster.registryOutside}/wigeon:test`, { plainHttp });
    await cluster.kubectl('create', 'namespace', namespace);
    await createVolume();
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
  async function createJob(name: string, image: string, args: readonly string[]): Promise<void> {
    await apply({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name },
      spec: {
        completions: 10,
        parallelism: 10,
        backoffLimit: 0,
        template: {
          metadata: { annotations: { 'wigeon.dev/checkpoint-interval': '1s' } },
          spec: { runtimeClassName: 'wigeon', restartPolicy: 'Never', containers: [{ name: 'main', image, args }] },
        },
      },
    });
  }

  async function podsOf(job: string): Promise<string[]> {
    const names = await cluster.kubectl('get', 'pods', `--selector=job-name=${job}`, '--output=name');
    return names.trim().split('\n');
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
    await openTab();
    await untilAgents('True');
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
