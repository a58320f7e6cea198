import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerStatus, Pod } from '../cluster/index.ts';
import { metaTime } from '../cluster/index.ts';
import type { RunEnd } from '../gateway/index.ts';
import { type Bundle, ImageError, type ImageErrorCode, imagePullDelay } from '../images/index.ts';
import { type Demand, parseQuantity } from '../placement/index.ts';
import { ContainerConfigError, resolveArgv, resolveEnv } from './command.ts';
import { ContainerInstance, type InstanceListener, type InstanceSpec } from './container-instance.ts';
import { terminatedState } from './container-state.ts';
import type { PodContext } from './context.ts';
import { RestartBackoff, type RestartPolicy, shouldRestart } from './restarts.ts';
import type { RunRecord } from './run-store.ts';
import { suspensionOf } from './suspension.ts';

type Container = NonNullable<Pod['spec']>['containers'][number];
type State = NonNullable<ContainerStatus['state']>;

// The image is there, but there is nothing in it that could run here: no retry mends that, so the pod ends.
const NOT_RUNNABLE: ReadonlySet<ImageErrorCode> = new Set([
  'ErrImageNotWasm',
  'ErrComponentNotSupported',
  'ErrModuleMalformed',
  'ErrEntrypointNotFound',
]);

/** The container can never run, whatever its restart policy; `reason` and message are the pod's. */
export class NotRunnableError extends Error {
  override readonly name = 'NotRunnableError';
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

// A wrong reference in the pod is looked at again this often, as the kubelet does at every sync.
const CONFIG_RETRY = 10_000;

/**
 * Runs one container of a pod from image to last exit. Reads as the story it is: pull, place, run, and again if the
 * restart policy says so. Everything that waits ends when `terminating` is aborted.
 */
export class ContainerRunner {
  readonly #context: PodContext;
  readonly #pod: () => Pod;
  readonly #container: Container;
  readonly #terminating: AbortSignal;
  readonly #changed: () => void;
  readonly #status: {
    state: State;
    lastState: State;
    restartCount: number;
    image: string;
    imageID: string;
    containerID?: string;
  };
  readonly #record: RunRecord | undefined;
  #instance: ContainerInstance | undefined;
  #placing: string | undefined;

  constructor(options: {
    context: PodContext;
    pod: () => Pod;
    container: Container;
    terminating: AbortSignal;
    changed: () => void;
  }) {
    this.#context = options.context;
    this.#pod = options.pod;
    this.#container = options.container;
    this.#terminating = options.terminating;
    this.#changed = options.changed;
    const before = options.pod().status?.containerStatuses?.find(({ name }) => name === options.container.name);
    this.#status = {
      state: { waiting: { reason: 'ContainerCreating' } },
      lastState: before?.lastState ?? {},
      restartCount: before?.restartCount ?? 0,
      image: options.container.image ?? '',
      imageID: before?.imageID ?? '',
    };
    this.#record = this.#context.runs.get(options.pod().metadata.uid, options.container.name);
    // An agent may still run it. Otherwise what ran before this process is not known any more; its end counts as a run.
    const interrupted = before?.state?.running ?? before?.state?.terminated;
    if (interrupted && !this.#record) {
      this.#status.lastState = {
        terminated:
          before?.state?.terminated ??
          terminatedState(
            { phase: 'lost', message: 'the node restarted', heardAt: Date.now() },
            interrupted.startedAt as unknown as string,
            before?.containerID ?? '',
            Date.now(),
          ),
      };
      this.#status.restartCount++;
    }
  }

  status(): ContainerStatus {
    const { state, lastState, restartCount, image, imageID, containerID } = this.#status;
    const running = state.running !== undefined;
    return {
      name: this.#container.name,
      image,
      imageID,
      ...(containerID === undefined ? {} : { containerID }),
      ready: running,
      started: running,
      restartCount,
      state,
      lastState,
    };
  }

  /**
   * Resolves when the container will not run again: it ended for good, or the pod is terminating.
   * @throws NotRunnableError
   */
  async run(): Promise<void> {
    const backoff = new RestartBackoff();
    const policy = (this.#pod().spec?.restartPolicy ?? 'Always') as RestartPolicy;
    const interrupted = this.#status.lastState.terminated;
    if (this.#status.restartCount > 0 && interrupted && !shouldRestart(policy, interrupted.exitCode)) {
      this.#set({ terminated: interrupted });
      return;
    }
    try {
      if (this.#record) {
        const exitCode = await this.#takeUp(this.#record);
        if (this.#terminating.aborted || !shouldRestart(policy, exitCode)) return;
        await this.#backOff(backoff.delay(0));
      }
      while (!this.#terminating.aborted) {
        const bundle = await this.#pull();
        const startedAt = performance.now();
        const exitCode = await this.#runOnce(bundle);
        if (this.#terminating.aborted || !shouldRestart(policy, exitCode)) return;
        await this.#backOff(backoff.delay(performance.now() - startedAt));
      }
    } catch (error) {
      if (!this.#terminating.aborted) throw error;
    }
  }

  /** The program is to end now. Its end arrives through `run()`. */
  stop(): void {
    this.#instance?.stop();
  }

  /** The agent cannot be reached and the grace period is over. */
  abandon(message: string): void {
    this.#instance?.abandon(message);
  }

  /** Resolves with the bundle, however long it takes; ends with the pod for what no retry can mend. */
  async #pull(): Promise<Bundle> {
    const { images } = this.#context;
    const image = this.#container.image ?? '';
    for (let failures = 0; ; failures++) {
      try {
        const { bundle, pulled } = await images.ensure({
          image,
          pullPolicy: (this.#container.imagePullPolicy ?? 'IfNotPresent') as 'Always' | 'IfNotPresent' | 'Never',
          ...(this.#container.command?.length ? { command: this.#container.command } : {}),
          annotations: this.#pod().metadata.annotations ?? {},
          signal: this.#terminating,
          onPulling: () => this.#event('Normal', 'Pulling', `Pulling image "${image}"`),
        });
        this.#event(
          'Normal',
          'Pulled',
          pulled
            ? `Successfully pulled image "${image}" in ${Math.round(pulled.milliseconds)}ms. Image size: ${pulled.bytes} bytes.`
            : `Container image "${image}" already present on machine`,
        );
        this.#status.imageID = bundle.imageId;
        if (bundle.function !== '_start') {
          throw new NotRunnableError(
            'ErrEntrypointNotFound',
            `the entrypoint names the function ${bundle.function}; this node runs _start only`,
          );
        }
        return bundle;
      } catch (error) {
        if (this.#terminating.aborted || !(error instanceof ImageError)) throw error;
        this.#event('Warning', 'Failed', `Failed to pull image "${image}": ${error.message}`);
        this.#event('Warning', 'Failed', `Error: ${error.waitingReason}`);
        if (NOT_RUNNABLE.has(error.code)) throw new NotRunnableError(error.code, error.message, { cause: error });
        this.#wait(error.waitingReason, error.message);
        if (!error.retryable) await this.#untilTerminating();
        const wait = imagePullDelay(failures);
        // The kubelet shows the error first and the waiting from the next sync on.
        await this.#sleep(Math.min(wait, 1000));
        this.#wait('ImagePullBackOff', `Back-off pulling image "${image}": ${error.message}`);
        this.#event('Normal', 'BackOff', `Back-off pulling image "${image}": ${error.message}`);
        await this.#sleep(Math.max(0, wait - 1000));
      }
    }
  }

  async #runOnce(bundle: Bundle): Promise<number> {
    const { argv, env } = await this.#resolve(bundle);
    const { module, suspend } = await this.#suspendable(bundle);
    const pod = this.#pod();
    const instance = new ContainerInstance(
      this.#context,
      {
        pod,
        container: this.#container.name,
        restart: this.#status.restartCount,
        demand: demandOf(this.#container),
        module,
        argv,
        env,
        suspend,
      },
      this.#terminating,
      this.#listener,
    );
    return this.#follow(instance, () => instance.run());
  }

  /** Goes on with what an agent still runs for an earlier process of this node. */
  #takeUp(record: RunRecord): Promise<number> {
    const { message } = record;
    const instance = new ContainerInstance(
      this.#context,
      {
        pod: this.#pod(),
        container: this.#container.name,
        restart: record.restart,
        demand: demandOf(this.#container),
        module: message.module,
        argv: message.argv,
        env: message.env,
        suspend: message.suspend,
      },
      this.#terminating,
      this.#listener,
      record,
    );
    return this.#follow(instance, () => instance.run(record));
  }

  /** @returns the exit code */
  async #follow(instance: ContainerInstance, run: () => Promise<RunEnd>): Promise<number> {
    this.#instance = instance;
    try {
      const end = await run();
      const terminated = terminatedState(end, instance.startedAt, instance.containerID, Date.now());
      this.#set({ terminated });
      return terminated.exitCode;
    } finally {
      this.#instance = undefined;
    }
  }

  /** The module to run: the suspendable form where the pod wants it and there is one. */
  async #suspendable(bundle: Bundle): Promise<Pick<InstanceSpec, 'module' | 'suspend'>> {
    const plain = { module: bundle.module, suspend: undefined };
    const { wanted, checkpointSeconds } = suspensionOf(this.#pod());
    if (!wanted) return plain;
    const made = await this.#context.modules.ensure(bundle.module.digest, () =>
      this.#context.images.blob(bundle.module.digest),
    );
    if (!('refused' in made)) return { module: made, suspend: { checkpointSeconds } };
    this.#event(
      'Warning',
      'NotSuspendable',
      `The program runs without checkpoints, and is lost with its agent: ${made.refused}`,
    );
    return plain;
  }

  async #resolve(bundle: Bundle): Promise<{ argv: string[]; env: string[] }> {
    for (;;) {
      try {
        const env = resolveEnv(this.#pod(), this.#container, bundle);
        return {
          argv: resolveArgv(this.#container, bundle, env),
          env: [...env].map(([name, value]) => `${name}=${value}`),
        };
      } catch (error) {
        if (!(error instanceof ContainerConfigError)) throw error;
        this.#wait('CreateContainerConfigError', error.message);
        this.#event('Warning', 'Failed', `Error: ${error.message}`);
        await this.#sleep(CONFIG_RETRY);
      }
    }
  }

  readonly #listener: InstanceListener = {
    waiting: ({ reason, message }) => {
      const { waiting, running } = this.#status.state;
      if (waiting?.reason !== reason && this.#placing !== reason) this.#event('Warning', reason, message);
      this.#placing = reason;
      // A program that lies suspended between two agents is running, as far as its pod is concerned.
      if (!running && (waiting?.reason !== reason || waiting.message !== message)) this.#wait(reason, message);
    },
    assigned: (containerID) => {
      if (this.#status.containerID !== containerID)
        this.#event('Normal', 'Created', `Created container: ${this.#container.name}`);
      this.#status.containerID = containerID;
      this.#placing = undefined;
    },
    started: (startedAt, agent) => {
      this.#event('Normal', 'Started', `Started container ${this.#container.name} on agent ${agent}`);
      this.#set({ running: { startedAt: metaTime(Date.parse(startedAt)) as unknown as string } });
    },
    migrated: (from, to, downtime, redone) => {
      const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)}s`;
      this.#event(
        'Normal',
        'Migrated',
        `Moved from agent ${from} to agent ${to}: down for ${seconds(downtime)}, ${seconds(redone)} of work redone`,
      );
      this.#changed();
    },
  };

  async #backOff(wait: number): Promise<void> {
    const { name, uid, namespace } = this.#pod().metadata;
    if (wait > 0) {
      const message = `back-off ${wait / 1000}s restarting failed container=${this.#container.name} pod=${name}_${namespace}(${uid})`;
      this.#status.lastState = this.#status.state;
      this.#wait('CrashLoopBackOff', message);
      this.#event(
        'Warning',
        'BackOff',
        `Back-off restarting failed container ${this.#container.name} in pod ${name}_${namespace}(${uid})`,
      );
      await this.#sleep(wait);
    } else {
      this.#status.lastState = this.#status.state;
    }
    this.#status.restartCount++;
  }

  #wait(reason: string, message: string): void {
    this.#set({ waiting: { reason, message } });
  }

  #set(state: State): void {
    this.#status.state = state;
    this.#changed();
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#context.events.pod(this.#pod(), type, reason, message, this.#container.name);
  }

  #sleep(milliseconds: number): Promise<void> {
    return delay(milliseconds, undefined, { signal: this.#terminating });
  }

  async #untilTerminating(): Promise<never> {
    await new Promise<void>((resolve) => this.#terminating.addEventListener('abort', () => resolve(), { once: true }));
    throw this.#terminating.reason;
  }
}

/** Requests, or limits where there are none: the API server defaults them so as well. */
function demandOf(container: Container): Demand {
  const requests = { ...container.resources?.limits, ...container.resources?.requests };
  return {
    cpuMillis: Math.round(parseQuantity(requests.cpu ?? '0') * 1000),
    memoryBytes: parseQuantity(requests.memory ?? '0'),
  };
}
