// The way of a pod in every engine: kubectl run through the real scheduler, logs byte for byte.

import { type TestAgent, TestCluster } from '@wigeon/testkit/cluster';
import { engines } from '@wigeon/testkit/engines';
import { expectedBinaryBytes, expectedLines, expectedUtf8 } from '@wigeon/testkit/programs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe.each(engines)('a pod in %s', (engine) => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await cluster.agent(engine);
  });
  afterAll(() => agent?.[Symbol.asyncDispose]());

  it('runs by kubectl run and succeeds', async () => {
    const name = `hello-${engine}`;
    await cluster.kubectl('run', name, `--image=${await cluster.image('hello')}`, '--restart=Never');
    await cluster.kubectl('wait', `pod/${name}`, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s');
    expect((await cluster.kubectl('logs', name)).toString()).toMatch(/hello/i);
  });

  it('shows UTF-8 and both streams', async () => {
    const pod = await cluster.run('utf8');
    await pod.ends();
    const log = (await pod.log()).toString();
    expect(log).toContain(expectedUtf8.stdout);
    expect(log).toContain(expectedUtf8.stderr);
    expect(Buffer.byteLength(log)).toBe(Buffer.byteLength(expectedUtf8.stdout + expectedUtf8.stderr));
  });

  it('shows every byte value and no newline that was not written', async () => {
    const pod = await cluster.run('binary-bytes');
    await pod.ends();
    expect(await pod.log()).toEqual(Buffer.from(expectedBinaryBytes()));
  });

  it('shows a MiB of lines', async () => {
    const pod = await cluster.run('lines', { args: [String(2 ** 20)] });
    expect(await pod.ends()).toMatchObject({ phase: 'Succeeded' });
    expect(Buffer.compare(await pod.log(), expectedLines('out', 2 ** 20))).toBe(0);
  });

  it('reports the exit code', async () => {
    const pod = await cluster.run('exit-code', { args: ['7'] });
    expect(await pod.ends()).toMatchObject({ phase: 'Failed', exitCode: 7, reason: 'Error' });
  });

  it('names the trap', async () => {
    const pod = await cluster.run('trap', { args: ['unreachable'] });
    const end = await pod.ends();
    expect(end).toMatchObject({ phase: 'Failed', exitCode: 134 });
    expect(end.message).toMatch(/unreachable/i);
  });

  it('gets its arguments and environment as Kubernetes says, non-ASCII included', async () => {
    const pod = await cluster.run('echo-args', {
      args: ['a b', 'grüße 🦆', '', '$(NAME)!'],
      env: { NAME: 'wigeon', APPLES: 'Äpfel' },
    });
    await pod.ends();
    const log = (await pod.log()).toString();
    for (const part of [
      '/echo-args.wasm',
      'a b',
      'grüße 🦆',
      'wigeon!',
      'NAME=wigeon',
      'APPLES=Äpfel',
      `HOSTNAME=${pod.name}`,
    ])
      expect(log).toContain(part);
  });

  it('streams its log while it runs, and the stream ends with it', async () => {
    const pod = await cluster.run('ticker', { args: ['100', '10'] });
    await pod.untilRunning();
    await using kubectl = cluster.playground.kubectlStream(['logs', '-f', pod.name]);
    let first = '';
    let text = '';
    for await (const chunk of kubectl.stdout) {
      text += String(chunk);
      if (first === '') first = (await pod.get()).status?.phase ?? '';
    }
    expect(first).toBe('Running');
    expect(text.trimEnd().split('\n')).toHaveLength(10);
    expect(await kubectl.code).toBe(0);
  });

  it('is stopped in an endless loop when it is deleted, and the agent goes on', async () => {
    const pod = await cluster.run('spin');
    await pod.untilRunning();
    const deletedAt = performance.now();
    await pod.delete();
    await pod.untilGone();
    expect(performance.now() - deletedAt).toBeLessThan(30_000);
    expect(await (await cluster.run('hello')).ends()).toMatchObject({ phase: 'Succeeded' });
  });

  it('runs beside three others in parallel workers', async () => {
    const spinning = await Promise.all([1, 2, 3].map(() => cluster.run('spin')));
    await Promise.all(spinning.map((pod) => pod.untilRunning()));
    const fourth = await cluster.run('hello');
    expect(await fourth.ends()).toMatchObject({ phase: 'Succeeded' });
    if (agent.page) {
      const before = await agent.page.evaluate<number>('ticks');
      const after = await agent.page.evaluate<number>(
        'new Promise((resolve) => setTimeout(() => resolve(ticks), 500))',
      );
      expect(after - before).toBeGreaterThan(5);
    }
    await Promise.all(spinning.map((pod) => pod.delete()));
    await Promise.all(spinning.map((pod) => pod.untilGone()));
  });
});
