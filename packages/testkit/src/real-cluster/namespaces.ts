// Runs a program in a network, mount and pid namespace of its own, and removes what namespaces do not take with them.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const prefix = 'wigeon-cluster-';
const cgroupRoot = '/sys/fs/cgroup';

/** A folder whose name says which process it belongs to; the cgroup of the pods has the same name. */
export function createDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
}

/**
 * Starts a program as a child of the namespaces' first process. When that one dies, the kernel kills all others, also
 * those that detached themselves, such as containerd's shims; with the last one the mounts and the network go.
 */
export function spawnInNamespaces(command: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  const flags = ['--net', '--mount', '--pid', '--mount-proc', '--kill-child', '--fork'];
  // The first process has to collect orphans, which a shell does and Node does not.
  return spawn('unshare', [...flags, '--', '/bin/sh', '-c', '"$@"; exit $?', 'sh', command, ...args]);
}

/** Removes a cluster's files and cgroups once its processes are gone; kills those in its cgroups that are not. */
export async function removeRemains(directory: string): Promise<void> {
  const name = basename(directory);
  for (let tries = 0; ; tries++) {
    const left = removeCgroups(name);
    if (left === 0) break;
    if (tries === 200) throw new Error(`${left} cgroups called ${name} cannot be removed`);
    await delay(50);
  }
  // A process that is dying may still write.
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** Removes what clusters left whose starter no longer runs. */
export async function removeStaleClusters(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await removeRemains(join(tmpdir(), name));
  }
}

/** Cgroups that could not be removed yet. cgroups(7): one can be removed when it has neither processes nor children. */
function removeCgroups(name: string): number {
  // Version 1 has a tree for each controller, version 2 one for all.
  const trees = [cgroupRoot, ...folders(cgroupRoot).map((controller) => join(cgroupRoot, controller))];
  return trees.map((tree) => join(tree, name)).reduce((left, group) => left + removeCgroup(group), 0);
}

function removeCgroup(group: string): number {
  const below = folders(group).reduce((left, name) => left + removeCgroup(join(group, name)), 0);
  try {
    for (const pid of readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
      process.kill(Number(pid), 'SIGKILL');
    rmdirSync(group);
    return below;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? below : below + 1;
  }
}

function folders(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
