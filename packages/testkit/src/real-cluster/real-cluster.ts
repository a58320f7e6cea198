import { type ChildProcessWithoutNullStreams, execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { goPrograms } from '@wigeon/playground/go-programs';
import { findPrograms, type Program } from '@wigeon/playground/programs';
import type { HostInput, HostReady } from './cluster-host.node.ts';
import { type Forward, openForward } from './forward.ts';
import { createDirectory, removeRemains, removeStaleClusters, spawnInNamespaces } from './namespaces.ts';
import { installNeeds } from './needs.ts';

const host = fileURLToPath(import.meta.resolve('./cluster-host.node.ts'));
const run = promisify(execFile);

/**
 * A Kubernetes cluster as anybody has one, on this machine: control plane, a Linux worker (kubelet, containerd,
 * kube-proxy), a registry. It lives in namespaces of its own, so it needs root, and its end leaves nothing.
 */
export class RealCluster implements AsyncDisposable {
  /** Admin's, good from outside the cluster's network. */
  readonly kubeconfig: string;
  /** `HOST:PORT` of the registry, as images in the cluster are called; plain http. */
  readonly registry: string;
  /** The same registry from outside. */
  readonly registryOutside: string;
  readonly directory: string;
  readonly #forwardSocket: string;
  readonly #programs: { readonly kubectl: Program; readonly helm: string };
  readonly #resources: AsyncDisposableStack;

  private constructor(parts: {
    kubeconfig: string;
    registry: string;
    registryOutside: string;
    directory: string;
    forwardSocket: string;
    programs: { readonly kubectl: Program; readonly helm: string };
    resources: AsyncDisposableStack;
  }) {
    this.kubeconfig = parts.kubeconfig;
    this.registry = parts.registry;
    this.registryOutside = parts.registryOutside;
    this.directory = parts.directory;
    this.#forwardSocket = parts.forwardSocket;
    this.#programs = parts.programs;
    this.#resources = parts.resources;
  }

  /** Resolves when the worker is Ready. The first call on a machine builds the programs, which takes minutes. */
  static async start({ log = () => {} }: { log?: (line: string) => void } = {}): Promise<RealCluster> {
    await using resources = new AsyncDisposableStack();
    await installNeeds(log);
    // All of it before the namespaces are entered: there the lock of another builder would look abandoned.
    const { kubectl } = await findPrograms('1.36', { log });
    const worker = await goPrograms('worker', { log });
    const containerd = await goPrograms('containerd', { log });
    const helm = join(await goPrograms('helm', { log }), 'helm');
    await removeStaleClusters();
    const directory = await createDirectory();
    resources.defer(() => removeRemains(directory));
    const input: HostInput = { directory, cgroup: directory.split('/').at(-1)!, containerd, worker };
    const child = spawnInNamespaces(process.execPath, [host, JSON.stringify(input)]);
    resources.defer(() => end(child));
    const ready = await untilReady(child, log);

    const forwardSocket = join(directory, 'forward.sock');
    const server = resources.use(await openForward(forwardSocket, '127.0.0.1', Number(new URL(ready.server).port)));
    const [registryHost, registryPort] = ready.registry.split(':');
    const registry = resources.use(await openForward(forwardSocket, registryHost!, Number(registryPort)));
    const kubeconfig = join(directory, 'outside.kubeconfig');
    const text = await readFile(ready.kubeconfig, 'utf8');
    await writeFile(kubeconfig, text.replace(ready.server, `https://127.0.0.1:${server.port}`));
    await chmod(kubeconfig, 0o600);
    return new RealCluster({
      kubeconfig,
      registry: ready.registry,
      registryOutside: `127.0.0.1:${registry.port}`,
      directory,
      forwardSocket,
      programs: { kubectl, helm },
      resources: resources.move(),
    });
  }

  /** kubectl as admin; resolves with stdout, rejects with what it said. */
  kubectl(...args: string[]): Promise<string> {
    const { command, args: before } = this.#programs.kubectl;
    return this.#run(command, [...before, ...args]);
  }

  /** `kubectl apply` of a manifest (YAML or JSON). */
  apply(manifest: string): Promise<string> {
    const { command, args } = this.#programs.kubectl;
    return this.#run(command, [...args, 'apply', '--filename=-'], manifest);
  }

  /** helm as admin; resolves with stdout, rejects with what it said. */
  helm(...args: string[]): Promise<string> {
    return this.#run(this.#programs.helm, args);
  }

  /** Opens a port of loopback that leads to an address in the cluster's network: a pod's, a Service's. */
  async forward(address: string, port: number): Promise<Forward> {
    return this.#resources.use(await openForward(this.#forwardSocket, address, port));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #run(command: string, args: readonly string[], stdin = ''): Promise<string> {
    const own = join(this.directory, 'home');
    const running = run(command, args, {
      // Neither the user's own clusters nor their settings.
      env: { PATH: process.env.PATH, HOME: own, KUBECONFIG: this.kubeconfig, KUBERC: 'off' },
      maxBuffer: 64 * 2 ** 20,
    });
    running.child.stdin?.end(stdin);
    return (await running).stdout;
  }
}

async function untilReady(child: ChildProcessWithoutNullStreams, log: (line: string) => void): Promise<HostReady> {
  const words: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    words.push(line);
    if (words.length > 40) words.shift();
    log(line);
  });
  const line = once(createInterface({ input: child.stdout }), 'line');
  const ended = once(child, 'close').then(([code]) => {
    throw new Error(`the cluster could not be started (${code}):\n${words.join('\n')}`);
  });
  ended.catch(() => {});
  const [ready] = (await Promise.race([line, ended])) as [string];
  return JSON.parse(ready) as HostReady;
}

/** Closes the host's stdin, by which it ends, and with it everything in its namespaces. */
async function end(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.stdin.on('error', () => {}).end();
  await ended;
}
