import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RealCluster, whyNoCluster } from './index.ts';

const untilKilled = fileURLToPath(import.meta.resolve('./start-until-killed.node.ts'));

/** Processes whose command line names the folder of a cluster: all that it started itself, shims included. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return line.includes(directory) ? [line.replaceAll('\0', ' ')] : [];
      } catch {
        // It ended between the two looks.
        return [];
      }
    });
}

function remains(directory: string): unknown {
  return {
    processes: processesOf(directory),
    folder: existsSync(directory),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').includes(directory),
    cgroups: globSync(`/sys/fs/cgroup/{.,*}/${basename(directory)}`),
    networks: existsSync('/sys/class/net/wigeon0') || existsSync('/sys/class/net/cni0'),
  };
}

const nothing = { processes: [], folder: false, mounts: false, cgroups: [], networks: false };

describe.skipIf(whyNoCluster() !== undefined)('a real cluster', () => {
  it('runs pods of images for Linux, and leaves nothing', async () => {
    const cluster = await RealCluster.start();
    const { directory } = cluster;
    try {
      expect(remains(directory)).toMatchObject({ folder: true, cgroups: expect.arrayContaining([expect.any(String)]) });
      await cluster.kubectl('run', 'pause', `--image=${cluster.registry}/pause:1`);
      await cluster.kubectl('wait', 'pod/pause', '--for=condition=Ready', '--timeout=60s');
    } finally {
      await cluster[Symbol.asyncDispose]();
    }
    expect(remains(directory)).toEqual(nothing);
  }, 120_000);

  it('whose starter is killed is gone when the next one has started', async () => {
    const starter = spawn(process.execPath, [untilKilled], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [directory] = (await once(createInterface({ input: starter.stdout }), 'line')) as [string];
    starter.kill('SIGKILL');
    await once(starter, 'exit');
    await using next = await RealCluster.start();
    expect(next.directory).not.toBe(directory);
    expect(remains(directory)).toEqual(nothing);
  }, 120_000);
});
