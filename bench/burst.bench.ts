// 100 pods created at once over four agents: time until the last one has succeeded.
import { TestCluster } from '@wigeon/testkit/cluster';
import type { EngineName } from '@wigeon/testkit/engines';
import { row, summary } from './statistics.ts';

const PODS = 100;

/** `pnpm bench burst [--engine node|chromium|…] [--rounds 5]` */
export async function run(args: readonly string[]): Promise<void> {
  const option = (name: string): string | undefined => args[args.indexOf(`--${name}`) + 1 || args.length];
  const engine = (option('engine') ?? 'chromium') as EngineName;
  const rounds = Number(option('rounds') ?? 5);
  await using cluster = await TestCluster.start();
  await using agents = new AsyncDisposableStack();
  for (let index = 0; index < 4; index++) agents.use(await cluster.agent(engine));
  const image = await cluster.image('hello');
  await (await cluster.pod({ image, name: 'warm-up' })).ends();
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now();
    const pods = await Promise.all(Array.from({ length: PODS }, () => cluster.pod({ image, name: `round-${round}` })));
    const ends = await cluster.allEnd(pods);
    seconds.push((performance.now() - startedAt) / 1000);
    const failed = ends.filter(({ phase }) => phase !== 'Succeeded').length;
    if (failed > 0) throw new Error(`${failed} of ${PODS} pods failed`);
    await Promise.all(pods.map((pod) => pod.delete()));
    await Promise.all(pods.map((pod) => pod.untilGone()));
  }
  console.log(
    `${PODS} pods over 4 agents in ${engine}: seconds from the first create to the last Succeeded, median (10th–90th percentile), n=${rounds}`,
  );
  console.log(row([engine, summary(seconds, 2)]));
}
