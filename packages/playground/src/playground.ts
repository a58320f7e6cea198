// A whole playground: from nothing to a default namespace that accepts pods, and back to nothing.
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { type KubernetesVersion, kubernetesVersions } from './binaries/kubernetes-release.ts';
import { findPrograms, type Programs } from './binaries/programs.ts';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './cluster/control-plane.ts';
import { createStateDirectory, removeStaleStateDirectories, removeStateDirectory } from './cluster/state-directory.ts';
import { PlaygroundError } from './error.ts';
import { ComponentSet } from './processes/component-set.ts';
import { freePorts, releasePorts } from './processes/free-port.ts';

export interface PlaygroundOptions extends ControlPlaneOptions {
  /** Default 1.36. Programs of KUBEBUILDER_ASSETS are taken whatever their version. */
  readonly kubernetes?: KubernetesVersion;
  /** The playground's files go into a new folder below this one; default the system's folder for temporary files. */
  readonly directory?: string;
  /** Aborting cancels the start, or disposes the running playground. */
  readonly signal?: AbortSignal;
  /** Gets lines that say what is being done, and why something ended. */
  readonly log?: (line: string) => void;
  /** How long the start may take once the programs are there; default 180. */
  readonly startTimeoutSeconds?: number;
}

/** A running control plane with a registry. Disposing it leaves no process and no file. */
export interface Playground extends ControlPlane, AsyncDisposable {
  /** Folder with everything the playground keeps. */
  readonly directory: string;
  /**
   * Resolves when the playground has been disposed; rejects when a component ends before that, with the end of its log.
   * Nothing is restarted, and what still runs goes on until it is disposed.
   */
  readonly done: Promise<void>;
}

const attempts = 3;

/**
 * Starts etcd, the API server, controller-manager, scheduler and an image registry on free ports of 127.0.0.1.
 *
 * Resolves when the default namespace accepts pods. The first call on a machine builds the programs, which takes
 * minutes. Rejects with a `PlaygroundError`; then nothing is left running.
 *
 * ```ts
 * await using playground = await startPlayground({ log: console.error });
 * const { stdout } = await playground.kubectl(['get', 'namespaces']);
 * ```
 */
export async function startPlayground(options: PlaygroundOptions = {}): Promise<Playground> {
  const { kubernetes = kubernetesVersions[0]!, signal, log = () => {} } = options;
  const parent = resolve(options.directory ?? tmpdir());
  const programs = await findPrograms(kubernetes, { signal, log });
  await removeStaleStateDirectories(parent);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(programs, parent, { ...options, log });
    } catch (error) {
      if (attempt === attempts || !lostAPort(error)) throw error;
      log('another process took a port meanwhile; starting again with other ports');
    }
  }
}

async function startOnce(
  programs: Programs,
  parent: string,
  options: PlaygroundOptions & { log: (line: string) => void },
): Promise<Playground> {
  const { signal, log, startTimeoutSeconds = 180 } = options;
  await using cleanup = new AsyncDisposableStack();
  const directory = await createStateDirectory(parent);
  cleanup.defer(() => removeStateDirectory(directory));
  const [etcd, etcdPeer, apiServer, registry] = (await freePorts(4)) as [number, number, number, number];
  const ports = { etcd, etcdPeer, apiServer, registry };
  cleanup.defer(() => releasePorts(Object.values(ports)));
  const components = cleanup.use(new ComponentSet());

  // Whatever ends the waiting also ends the polling behind it.
  const giveUp = new AbortController();
  cleanup.defer(() => giveUp.abort());
  const deadline = setTimeout(() => giveUp.abort(timeoutError(startTimeoutSeconds)), startTimeoutSeconds * 1000);
  const cancel = (): void => giveUp.abort(abortError(signal));
  signal?.addEventListener('abort', cancel);
  if (signal?.aborted) cancel();
  components.failed.catch((error: unknown) => giveUp.abort(error));
  try {
    const context = { programs, ports, directory, resources: cleanup, components, signal: giveUp.signal, log };
    const controlPlane = await startControlPlane(context, options);
    giveUp.signal.throwIfAborted();
    return live(controlPlane, { directory, components, cleanup: cleanup.move(), signal, log });
  } catch (error) {
    // The reason tells more than the interrupted wait.
    throw giveUp.signal.aborted ? giveUp.signal.reason : error;
  } finally {
    clearTimeout(deadline);
    signal?.removeEventListener('abort', cancel);
  }
}

interface Life {
  readonly directory: string;
  readonly components: ComponentSet;
  readonly cleanup: AsyncDisposableStack;
  readonly signal: AbortSignal | undefined;
  readonly log: (line: string) => void;
}

function live(controlPlane: ControlPlane, { directory, components, cleanup, signal, log }: Life): Playground {
  const disposed = Promise.withResolvers<void>();
  const done = Promise.race([components.failed, disposed.promise]);
  done.catch((error: unknown) => log(error instanceof Error ? error.message : String(error)));
  let disposing: Promise<void> | undefined;
  const dispose = (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    disposing ??= cleanup.disposeAsync();
    disposing.then(disposed.resolve, disposed.reject);
    return disposing;
  };
  // Its failure is told by `done`.
  const onAbort = (): void => void dispose().catch(() => {});
  signal?.addEventListener('abort', onAbort);
  return { ...controlPlane, directory, done, [Symbol.asyncDispose]: dispose };
}

function timeoutError(seconds: number): PlaygroundError {
  return new PlaygroundError('start_timeout', `The playground was not ready within ${seconds} s`);
}

function abortError(signal: AbortSignal | undefined): PlaygroundError {
  return new PlaygroundError('aborted', 'The start of the playground was cancelled', { cause: signal?.reason });
}

function lostAPort(error: unknown): boolean {
  return (
    error instanceof PlaygroundError &&
    error.code === 'component_failed' &&
    error.message.includes('address already in use')
  );
}
