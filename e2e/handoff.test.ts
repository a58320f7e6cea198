// A program goes on, with its stack, memory and files, when its agent goes away.
import { TestCluster, type TestPod } from '@wigeon/testkit/cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Steps of `compute`, a second or so each, and the checkpoints that the annotation asks for. */
const STEPS = 8;
const annotations = { 'wigeon.dev/checkpoint-interval': '1s' };

let cluster: TestCluster;
let undisturbed: string;
beforeAll(async () => {
  cluster = await TestCluster.start({
    node: { gateway: { keys: ['pk_test'], port: 0, heartbeatSeconds: 1, leaseSeconds: 3 } },
  });
  await using agent = await cluster.agent('node');
  expect(agent.engine).toBe('node');
  const pod = await cluster.run('compute', { args: [String(STEPS)] });
  expect(await pod.ends()).toMatchObject({ phase: 'Succeeded' });
  undisturbed = (await pod.log()).toString();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** Resolves when the log has this many lines. */
async function untilLines(pod: TestPod, lines: number): Promise<void> {
  await using kubectl = cluster.playground.kubectlStream(['logs', '-f', pod.name]);
  let seen = 0;
  for await (const chunk of kubectl.stdout) {
    seen += String(chunk).split('\n').length - 1;
    if (seen >= lines) return;
  }
}

async function expectUndisturbed(pod: TestPod): Promise<void> {
  expect(await pod.ends()).toMatchObject({ phase: 'Succeeded', exitCode: 0, restarts: 0 });
  expect((await pod.log()).toString()).toBe(undisturbed);
}

describe('a handoff in Node', () => {
  it('is planned when the agent leaves properly: nothing is redone', async () => {
    const first = await cluster.agent('node');
    const pod = await cluster.run('compute', { args: [String(STEPS)], annotations });
    await pod.untilRunning();
    await untilLines(pod, 3);
    await using second = await cluster.agent('node');
    expect(second.engine).toBe('node');
    await first[Symbol.asyncDispose]();
    await expectUndisturbed(pod);
    const migrated = (await pod.events()).filter(({ reason }) => reason === 'Migrated');
    expect(migrated).toHaveLength(1);
    expect(migrated[0]?.message).toContain('0.0s of work redone');
  });
});
