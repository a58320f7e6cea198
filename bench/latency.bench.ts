// Latency of a pod, measured from the watch event that announces it: → Running, → first byte of `logs -f`, → Succeeded.
import { listWatch, type Pod } from '@wigeon/node';
import { TestCluster } from '@wigeon/testkit/cluster';
import { type EngineName, engines } from '@wigeon/testkit/engines';
import { row, summary } from './statistics.ts';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

interface Sample {
  running: number;
  firstLog: number;
  succeeded: number;
}

/** `pnpm bench latency [--engines chromium,firefox,webkit,node] [--samples 20]` */
export async function run(args: readonly string[]): Promise<void> {
  const option = (name: string): string | undefined => args[args.indexOf(`--${name}`) + 1 || args.length];
  const wanted = (option('engines')?.split(',') ?? engines) as EngineName[];
  const samples = Number(option('samples') ?? 20);
  await using cluster = await TestCluster.start();
  const hello = await cluster.image('hello');
  console.log(`pod latency in ms from its watch event: median (spread: 10th to 90th percentile), n=${samples}`);
  console.log(row(['engine', 'state', '→ Running', '→ first log byte', '→ Succeeded']));
  for (const engine of wanted) {
    await using agent = await cluster.agent(engine);
    // Cold: the first pod of this agent, whose module it has never seen; one sample only, so a module per sample.
    const cold: Sample[] = [];
    const warm: Sample[] = [];
    for (let index = 0; index < Math.min(samples, 5); index++) {
      const image = await cluster.imageOf(`cold-${engine}-${index}`, async () =>
        withSection(await cluster.module('hello'), `${engine}-${index}`),
      );
      cold.push(await measure(cluster, image, `cold-${agent.engine}`));
    }
    await measure(cluster, hello, 'warm-up');
    for (let index = 0; index < samples; index++) warm.push(await measure(cluster, hello, `warm-${agent.engine}`));
    for (const [state, list] of [
      ['cold', cold],
      ['warm', warm],
    ] as const) {
      console.log(
        row([
          engine,
          state,
          summary(list.map((one) => one.running)),
          summary(list.map((one) => one.firstLog)),
          summary(list.map((one) => one.succeeded)),
        ]),
      );
    }
  }
}

async function measure(cluster: TestCluster, image: string, name: string): Promise<Sample> {
  const stop = new AbortController();
  const times: Partial<Sample> & { added?: number } = {};
  const done = Promise.withResolvers<void>();
  const listed = Promise.withResolvers<void>();
  const unique = `${name}-${Math.random().toString(36).slice(2, 8)}`;
  let following: Promise<void> | undefined;
  const look = (pod: Pod): void => {
    const now = performance.now();
    if (!pod.metadata.name.startsWith(unique)) return;
    // The node hears of a pod when it is bound; the clock starts with that version of the object.
    if (pod.spec?.nodeName) times.added ??= now;
    const state = pod.status?.containerStatuses?.[0]?.state;
    if (state?.running || state?.terminated) {
      times.running ??= now;
      following ??= follow(cluster, pod.metadata.name, stop.signal).then((at) => {
        times.firstLog = at;
      });
    }
    if (pod.status?.phase === 'Succeeded') {
      times.succeeded = now;
      done.resolve();
    }
    if (pod.status?.phase === 'Failed')
      done.reject(new Error(`pod ${pod.metadata.name} failed: ${JSON.stringify(pod.status)}`));
  };
  const watching = listWatch<Pod>({
    client: cluster.api,
    path: '/api/v1/namespaces/default/pods',
    signal: stop.signal,
    log: silent,
    onList: () => listed.resolve(),
    onChange: (_type, pod) => look(pod),
  });
  await listed.promise;
  const pod = await cluster.pod({ image, name: unique, pullPolicy: 'IfNotPresent' });
  await done.promise;
  await following;
  stop.abort();
  await watching;
  await pod.delete();
  await pod.untilGone();
  const since = times.added ?? Number.NaN;
  return {
    running: (times.running ?? Number.NaN) - since,
    firstLog: (times.firstLog ?? Number.NaN) - since,
    succeeded: (times.succeeded ?? Number.NaN) - since,
  };
}

async function follow(cluster: TestCluster, pod: string, signal: AbortSignal): Promise<number> {
  for await (const part of await cluster.api.stream(`/api/v1/namespaces/default/pods/${pod}/log`, {
    query: { follow: true },
    signal,
  })) {
    if (part.length > 0) return performance.now();
  }
  return Number.NaN;
}

/** The same module with a custom section, so that its digest is new to everyone. */
function withSection(module: Uint8Array, text: string): Uint8Array {
  const name = Buffer.from('bench');
  const content = Buffer.concat([Buffer.from([name.length]), name, Buffer.from(text)]);
  return Buffer.concat([module, Buffer.from([0, content.length]), content]);
}
