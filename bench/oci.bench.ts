// Pull of a 200 MB image of five layers, by us and by skopeo: same registry, same image, one run, medians.
//   pnpm bench oci [--rounds N] [--megabytes N]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRegistryClient } from '@wigeon/oci-client';
import { addImage, FakeRegistry, noiseOf, requirePrograms, startDebianRegistry } from '@wigeon/oci-client/test';

const LAYERS = 5;
const pull = fileURLToPath(new URL('./oci-pull.ts', import.meta.url));

interface Measured {
  /** Of the whole process, milliseconds. */
  readonly wall: number;
  /** Without the start of the process, where it says so. */
  readonly pull: number | undefined;
  readonly peakMegabytes: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '10' }, megabytes: { type: 'string', default: '200' } },
  });
  const [rounds, megabytes] = [Number(values.rounds), Number(values.megabytes)];
  await requirePrograms('docker-registry', 'skopeo');
  await using registry = await startDebianRegistry();
  const scratch = await mkdtemp(join(tmpdir(), 'wigeon-bench-oci-'));
  try {
    for (const compression of ['gzip', 'zstd'] as const) {
      const image = `${registry.host}/bench:${compression}`;
      const transferred = await publish(registry.host, compression, megabytes);
      console.log(
        `\n${compression}: ${(transferred / 1e6).toFixed(0)} MB compressed in ${LAYERS} layers, median of ${rounds} (fastest–slowest)`,
      );
      const target = (name: string): string => join(scratch, name);
      const contenders: Record<string, (directory: string) => readonly [string, readonly string[]]> = {
        skopeo: (directory) => [
          'skopeo',
          ['--insecure-policy', 'copy', '--src-tls-verify=false', `docker://${image}`, `oci:${directory}:1`],
        ],
        'to a layout': (directory) => [process.execPath, [pull, 'layout', image, directory]],
        'into the store': (directory) => [process.execPath, [pull, 'store', image, directory]],
        // V8 frees the buffers of the network with its young heap; a small one keeps less of them waiting.
        '… small heap': (directory) => [process.execPath, ['--max-semi-space-size=1', pull, 'store', image, directory]],
      };
      const results = new Map<string, Measured[]>();
      // One warm-up, then taking turns, so that the machine's moods hit all alike.
      for (let round = -1; round < rounds; round++) {
        for (const [name, command] of Object.entries(contenders)) {
          const directory = target('image');
          const measured = await measure(...command(directory));
          await rm(directory, { recursive: true, force: true });
          if (round >= 0) results.set(name, [...(results.get(name) ?? []), measured]);
        }
      }
      const base = median(results.get('skopeo')!.map(({ wall }) => wall));
      for (const [name, all] of results) {
        const walls = all.map(({ wall }) => wall);
        const peaks = all.map(({ peakMegabytes }) => peakMegabytes);
        const pulls = all.flatMap(({ pull }) => (pull === undefined ? [] : [pull]));
        console.log(
          [
            name.padEnd(15),
            `${seconds(median(walls))} s (${seconds(Math.min(...walls))}–${seconds(Math.max(...walls))})`,
            `${(median(walls) / base).toFixed(2)}x`,
            `peak ${median(peaks).toFixed(0)} MB (${Math.max(...peaks).toFixed(0)})`,
            ...(pulls.length > 0
              ? [`without start ${seconds(median(pulls))} s ${(median(pulls) / base).toFixed(2)}x`]
              : []),
          ].join('  '),
        );
      }
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Puts the image into the registry; half of its bytes compress well, as programs and texts do. */
async function publish(host: string, compression: 'gzip' | 'zstd', megabytes: number): Promise<number> {
  await using staging = await FakeRegistry.start();
  const layers = await Promise.all(
    Array.from({ length: LAYERS }, async (_, at) => {
      const noise = noiseOf((megabytes * 1e6) / LAYERS, at + 1);
      const files = Array.from({ length: 40 }, (_, file) => {
        const part = noise.subarray((noise.length / 40) * file, (noise.length / 40) * (file + 1));
        return {
          name: `layer${at}/file${file}`,
          content: Buffer.concat([part, Buffer.alloc(part.length, `text of file ${file} `)]),
        };
      });
      return at === 0 ? [...files, { name: 'app.wasm', content: Buffer.from('\0asm\x01\0\0\0', 'latin1') }] : files;
    }),
  );
  await addImage(staging, 'bench', '1', { layers, compression });
  await using client = createRegistryClient({
    hosts: { [staging.host]: { plainHttp: true }, [host]: { plainHttp: true } },
  });
  const source = await client.repository({ registry: staging.host, repository: 'bench' }).manifest('1');
  if (source.manifest.kind !== 'manifest') throw new Error('not a manifest');
  const target = client.repository({ registry: host, repository: 'bench' });
  let total = 0;
  for (const { digest, size } of [source.manifest.config, ...source.manifest.layers]) {
    const bytes = staging.blobs.get(digest)!;
    total += size;
    await target.pushBlob({ digest, size, open: () => bytes });
  }
  await target.pushManifest({ mediaType: source.manifest.mediaType, bytes: source.bytes }, compression);
  return total;
}

async function measure(command: string, args: readonly string[]): Promise<Measured> {
  const started = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (complaint += chunk));
  let peak = 0;
  const sampler = setInterval(() => void peakOf(child).then((value) => (peak = Math.max(peak, value))), 10);
  const exited = once(child, 'exit').then(([code]) => ({ code, wall: performance.now() - started }));
  const [{ code, wall }] = await Promise.all([exited, once(child, 'close')]);
  clearInterval(sampler);
  if (code !== 0) throw new Error(`${command} failed:\n${complaint}`);
  return { wall, pull: Number(said) || undefined, peakMegabytes: peak / 1e6 };
}

/** The most memory that a process has had at once, as the kernel counts it. */
async function peakOf(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(2);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
