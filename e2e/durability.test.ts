// What dies, and what the pod does not notice of it.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createApiClient } from '@wigeon/node';
import { imageFromModule, pushImage } from '@wigeon/oci-client';
import { startPlayground } from '@wigeon/playground';
import { startAgentProcess, TestCluster, TestPod } from '@wigeon/testkit/cluster';
import { program } from '@wigeon/testkit/programs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const annotations = { 'wigeon.dev/checkpoint-interval': '1s' };
const args = ['40', '/result', String(2 ** 21), '250'];

describe('agents that come and go', () => {
  let cluster: TestCluster;
  let expected: string;
  beforeAll(async () => {
    cluster = await TestCluster.start({
      node: { gateway: { keys: ['pk_test'], port: 0, heartbeatSeconds: 1, leaseSeconds: 3 } },
    });
    await using agent = await cluster.agent('node');
    expect(agent.engine).toBe('node');
    const pod = await cluster.run('compute', { args });
    await pod.ends();
    expected = (await pod.log()).toString();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('a drain moves ten pods off an agent without one byte lost', async () => {
    await using first = await cluster.agent('node', { cpuMillis: 10_000, memoryBytes: 2 ** 32, containers: 20 });
    const [drained] = cluster.node.agents();
    const pods = await Promise.all(Array.from({ length: 10 }, () => cluster.run('compute', { args, annotations })));
    await Promise.all(pods.map((pod) => pod.untilRunning()));
    await using second = await cluster.agent('node', { cpuMillis: 10_000, memoryBytes: 2 ** 32, containers: 20 });
    expect([first.engine, second.engine]).toEqual(['node', 'node']);
    const output = await cluster.wigeon('drain', drained!.id, '-o', 'json');
    expect(JSON.parse(output)).toEqual({ moved: 10, staying: 0 });
    expect(cluster.node.agents().find(({ id }) => id === drained!.id)?.containers).toBe(0);
    expect(await cluster.wigeon('agents')).toMatch(/draining/);
    for (const end of await cluster.allEnd(pods))
      expect(end).toMatchObject({ phase: 'Succeeded', exitCode: 0, restarts: 0 });
    for (const pod of pods) expect((await pod.rawLog()).toString()).toBe(expected);
  });

  it('an agent that is stopped for longer than its lease, and continued, changes nothing', async () => {
    const frozen = startAgentProcess(cluster.gateway, cluster.key);
    await cluster.node.untilAgents((agents) => agents.length === 1);
    const pod = await cluster.run('compute', { args, annotations });
    await pod.untilRunning();
    frozen.process.kill('SIGSTOP');
    await cluster.node.untilAgents((agents) => agents.length === 0);
    await using agent = await cluster.agent('node');
    expect(agent.engine).toBe('node');
    await pod.until(({ metadata }) => metadata !== undefined);
    frozen.process.kill('SIGCONT');
    expect(await pod.ends()).toMatchObject({ phase: 'Succeeded', exitCode: 0, restarts: 0 });
    expect((await pod.log()).toString()).toBe(expected);
    await cluster.node.untilAgents(
      (agents) => agents.length === 2 && agents.every(({ containers }) => containers === 0),
    );
    await frozen[Symbol.asyncDispose]();
  });

  it('a module that cannot be suspended runs plain, and says why', async () => {
    await using agent = await cluster.agent('node');
    expect(agent.engine).toBe('node');
    // A command with shared memory: that means threads, whose stacks the engine does not know.
    const shared = Buffer.from(
      '0061736d01000000' +
        '010401600000' +
        '03020100' +
        '050401030101' +
        '07130206' +
        '6d656d6f7279' +
        '020006' +
        '5f7374617274' +
        '0000' +
        '0a040102000b',
      'hex',
    );
    const image = await cluster.imageOf('shared', async () => shared);
    const pod = await cluster.pod({ image });
    expect(await pod.ends()).toMatchObject({ phase: 'Succeeded', exitCode: 0 });
    const event = (await pod.events()).find(({ reason }) => reason === 'NotSuspendable');
    expect(event?.message).toMatch(/runs without checkpoints.*(shared|thread)/);
  });

  it('a pod that does not want to be suspended is lost with its agent', async () => {
    const agent = await cluster.agent('node');
    const pod = await cluster.run('spin', { annotations: { 'wigeon.dev/suspend': 'off' } });
    await pod.untilRunning();
    await agent[Symbol.asyncDispose]();
    const end = await pod.ends();
    expect(end).toMatchObject({ phase: 'Failed', exitCode: 137 });
    expect(end.message).toMatch(/left/);
  });

  it('a program without an agent lies suspended, shows it, and goes on when one comes', async () => {
    const first = await cluster.agent('node');
    const pod = await cluster.run('compute', { args, annotations });
    await pod.untilRunning();
    await first[Symbol.asyncDispose]();
    await cluster.node.untilAgents((agents) => agents.length === 0);
    expect((await pod.get()).status?.phase).toBe('Running');
    expect(await cluster.wigeon('checkpoint', pod.name, '--list')).toMatch(/main +\d+ +(full|delta)/);
    await using second = await cluster.agent('node');
    expect(second.engine).toBe('node');
    expect(await pod.ends()).toMatchObject({ phase: 'Succeeded', exitCode: 0, restarts: 0 });
    expect((await pod.log()).toString()).toBe(expected);
    expect((await pod.events()).map(({ reason }) => reason)).toContain('NoAgents');
  });
});

describe('the node process', () => {
  it('is killed with -9 while pods run: agents go on, come back, and the logs are complete', async () => {
    await using playground = await startPlayground();
    await using api = createApiClient(playground.kubeconfig);
    const port = await freePort();
    const config = join(playground.directory, 'wigeon.yaml');
    const yaml = {
      nodeName: playground.node.nodeName,
      kubeconfig: playground.node.kubeconfig,
      stateDir: join(playground.directory, 'wigeon'),
      kubelet: {
        port: await freePort(),
        certFile: playground.node.serving.certificate,
        keyFile: playground.node.serving.key,
        clientCAFile: playground.node.clientCertificateAuthority,
      },
      gateway: { port, keys: ['pk_test'] },
      images: { plainHttp: [playground.registry] },
    };
    await writeFile(config, JSON.stringify(yaml));
    const image = `${playground.registry}/compute:1`;
    await pushImage(imageFromModule(await program('compute'), { path: '/compute.wasm' }), image, {
      plainHttp: [playground.registry],
    });

    let node = await startNodeProcess(config);
    await using agent = startAgentProcess(`http://127.0.0.1:${port}`, 'pk_test');
    const pods = await Promise.all(
      [1, 2, 3].map((index) => TestPod.create(api, playground, `pod-${index}`, { image, args, annotations })),
    );
    await Promise.all(pods.map((pod) => pod.untilRunning()));
    node.kill('SIGKILL');
    node = await startNodeProcess(config);
    for (const pod of pods) expect(await pod.ends()).toMatchObject({ phase: 'Succeeded', exitCode: 0, restarts: 0 });
    const logs = await Promise.all(pods.map((pod) => pod.rawLog()));
    expect(logs[0]?.toString().split('\n')).toHaveLength(42);
    for (const log of logs) expect(log.toString()).toBe(logs[0]?.toString());
    node.kill('SIGTERM');
    await new Promise((resolve) => node.once('exit', resolve));
    expect(agent.engine).toBe('node');
  });
});

/** `wigeon node` as a process; resolves when it says that it is ready. */
async function startNodeProcess(config: string): Promise<ChildProcess> {
  const main = join(import.meta.dirname, '..', 'packages', 'cli', 'src', 'main.ts');
  const child = spawn(process.execPath, [main, 'node', '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`wigeon node exited with ${code}`)));
    child.stdout?.on('data', (chunk) => {
      if (String(chunk).includes('node ready')) resolve();
    });
  });
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
