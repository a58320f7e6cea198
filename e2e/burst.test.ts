// Many at once: what Kuack's node never managed (100 pods over four agents), ten times in a row.
import { encodeMessage } from '@wigeon/protocol';
import { TestCluster } from '@wigeon/testkit/cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe('bursts', () => {
  it('100 pods over four agents all end with complete logs, ten times in a row', async () => {
    await using agents = new AsyncDisposableStack();
    for (let index = 0; index < 4; index++) agents.use(await cluster.agent('node'));
    const image = await cluster.image('echo-args');
    for (let round = 0; round < 10; round++) {
      const pods = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          cluster.pod({ image, name: `burst-${round}`, args: [`pod ${round}/${index}`] }),
        ),
      );
      const ends = await cluster.allEnd(pods);
      expect(ends.filter(({ phase }) => phase !== 'Succeeded')).toEqual([]);
      const logs = await Promise.all(pods.map((pod) => pod.rawLog()));
      for (const [index, log] of logs.entries()) expect(log.toString()).toContain(`pod ${round}/${index}`);
      await Promise.all(pods.map((pod) => pod.delete()));
      await Promise.all(pods.map((pod) => pod.untilGone()));
    }
  });

  it('a thousand agents join at once, ten times, and pods still run', async () => {
    await using agent = await cluster.agent('node');
    expect(agent.engine).toBe('node');
    for (let round = 0; round < 10; round++) {
      const crowd = Array.from({ length: 1000 }, () => new SimulatedAgent(cluster.gateway, cluster.key));
      await Promise.all(crowd.map((member) => member.welcomed));
      expect(cluster.node.agents()).toHaveLength(1001);
      expect(await (await cluster.run('hello')).ends()).toMatchObject({ phase: 'Succeeded' });
      for (const member of crowd) member.leave();
      await cluster.node.untilAgents((agents) => agents.length === 1);
    }
  });
});

/** Greets, beats its heart, and lends nothing. */
class SimulatedAgent {
  readonly welcomed: Promise<void>;
  readonly #socket: WebSocket;

  constructor(gateway: string, key: string) {
    this.#socket = new WebSocket(`${gateway.replace('http', 'ws')}/connect`);
    this.welcomed = new Promise((resolve, reject) => {
      this.#socket.once('message', () => resolve());
      this.#socket.once('error', reject);
    });
    this.#socket.once('open', () =>
      this.#socket.send(
        encodeMessage({
          type: 'hello',
          versions: [1],
          key,
          agent: { engine: 'other', engineVersion: '0', features: [] },
          offer: { cpuMillis: 0, memoryBytes: 0, containers: 0 },
          held: [],
        }),
      ),
    );
  }

  leave(): void {
    this.#socket.send(encodeMessage({ type: 'goodbye', reason: 'closing' }));
  }
}
