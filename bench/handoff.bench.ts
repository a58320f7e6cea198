// What a move costs: downtime and bytes, planned (the agent leaves) and by crash (its process is killed), against memory.
import { TestCluster, type TestPod } from '@wigeon/testkit/cluster';
import { row, summary } from './statistics.ts';

const SIZES = [1, 16, 64];

interface Move {
  readonly downtime: number;
  readonly redone: number;
  readonly fullBytes: number;
  readonly deltaBytes: number;
}

/** `pnpm bench handoff [--samples 5]`: Node agents in processes of their own, leases of 3 s, checkpoints every 2 s. */
export async function run(args: readonly string[]): Promise<void> {
  const samples = Number(args[args.indexOf('--samples') + 1 || args.length] ?? 5);
  await using cluster = await TestCluster.start({
    node: { gateway: { keys: ['pk_test'], port: 0, heartbeatSeconds: 1, leaseSeconds: 3 } },
  });
  const image = await cluster.image('ballast');
  console.log(
    `moves between Node agents: median (10th–90th percentile), n=${samples}; downtime is from the agent's last word to the program's going on`,
  );
  console.log(row(['memory', 'way', 'downtime s', 'redone s', 'full checkpoint MiB', 'delta KiB']));
  for (const size of SIZES) {
    for (const way of ['planned', 'crash'] as const) {
      const moves: Move[] = [];
      for (let sample = 0; sample < samples; sample++) moves.push(await move(cluster, image, size, way));
      console.log(
        row([
          `${size} MiB`,
          way,
          summary(
            moves.map((one) => one.downtime),
            2,
          ),
          summary(
            moves.map((one) => one.redone),
            2,
          ),
          summary(
            moves.map((one) => one.fullBytes / 2 ** 20),
            2,
          ),
          summary(
            moves.map((one) => one.deltaBytes / 1024),
            1,
          ),
        ]),
      );
    }
  }
}

async function move(cluster: TestCluster, image: string, size: number, way: 'planned' | 'crash'): Promise<Move> {
  const first = await cluster.separateAgent('node');
  const pod = await cluster.pod({
    image,
    args: [String(size), '100000'],
    annotations: { 'wigeon.dev/checkpoint-interval': '2s' },
  });
  await pod.untilRunning();
  const before = await untilDelta(cluster, pod);
  await using second = await cluster.separateAgent('node');
  if (way === 'planned') await first[Symbol.asyncDispose]();
  else await first.kill();
  const message = await migrated(pod);
  const [, downtime, redone] = /down for ([\d.]+)s, ([\d.]+)s/.exec(message) ?? [];
  await pod.delete();
  await pod.untilGone();
  if (second.engine !== 'node') throw new Error('unreachable');
  return { downtime: Number(downtime), redone: Number(redone), ...before };
}

/** Sizes of the first full checkpoint and the delta behind it. */
async function untilDelta(cluster: TestCluster, pod: TestPod): Promise<{ fullBytes: number; deltaBytes: number }> {
  for (;;) {
    const { items } = JSON.parse(await cluster.wigeon('checkpoint', pod.name, '-o', 'json')) as {
      items: { base: number | null; blob: { size: number } }[];
    };
    const full = items.find(({ base }) => base === null);
    const delta = items.find(({ base }) => base !== null);
    if (full && delta) return { fullBytes: full.blob.size, deltaBytes: delta.blob.size };
  }
}

async function migrated(pod: TestPod): Promise<string> {
  for (;;) {
    const found = (await pod.events()).find(({ reason }) => reason === 'Migrated');
    if (found) return found.message;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
