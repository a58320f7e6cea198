import { setTimeout as delay } from 'node:timers/promises';
import { deletePod, metaTime, type Pod, type PodStatus } from '../cluster/index.ts';
import { admit, type Rejection } from './admission.ts';
import { ContainerRunner, NotRunnableError } from './container-runner.ts';
import type { PodContext } from './context.ts';
import { podStatus } from './pod-status.ts';

// When an agent that runs the program cannot be reached, it gets the pod's grace period and this much more to answer.
const STOP_MARGIN = 1000;
const RETRY_DELETE = 5000;

/** Runs one pod, by UID, from its binding to its object's end. There is never a second worker for the same UID. */
export class PodWorker {
  /** Resolves when nothing of the pod runs and its object is gone or final. */
  readonly done: Promise<void>;
  readonly #context: PodContext;
  readonly #terminating = new AbortController();
  readonly #gone = new AbortController();
  readonly #shutdown: AbortSignal;
  #pod: Pod;
  #runners: readonly ContainerRunner[] = [];
  #rejection: Rejection | undefined;
  #conditions: PodStatus['conditions'];
  readonly #startTime: string;

  constructor(pod: Pod, context: PodContext, shutdown: AbortSignal) {
    this.#pod = pod;
    this.#context = context;
    this.#shutdown = shutdown;
    this.#conditions = pod.status?.conditions;
    this.#startTime = (pod.status?.startTime as unknown as string | undefined) ?? metaTime(Date.now());
    this.done = this.#run().catch((error: unknown) => {
      if (!shutdown.aborted) context.log.error({ err: error, pod: this.#name }, 'pod worker failed');
    });
    this.update(pod);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** A newer version of the object. */
  update(pod: Pod): void {
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp) this.#terminating.abort(new Error('the pod is being deleted'));
  }

  /** The object has gone without our doing: what still runs is killed at once. */
  objectGone(): void {
    this.#gone.abort(new Error('the pod object is gone'));
    this.#terminating.abort(new Error('the pod object is gone'));
  }

  get #name(): string {
    return `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`;
  }

  async #run(): Promise<void> {
    // The constructor must have returned before anything calls back.
    await Promise.resolve();
    const phase = this.#pod.status?.phase;
    if (phase !== 'Succeeded' && phase !== 'Failed') {
      this.#rejection = admit(this.#pod);
      if (this.#rejection) {
        this.#context.events.pod(this.#pod, 'Warning', this.#rejection.reason, this.#rejection.message);
        void this.#writeStatus();
      } else {
        await this.#runContainers();
      }
    }
    await this.#untilTerminating();
    await this.#finish();
  }

  async #runContainers(): Promise<void> {
    this.#runners = (this.#pod.spec?.containers ?? []).map(
      (container) =>
        new ContainerRunner({
          context: this.#context,
          pod: () => this.#pod,
          container,
          terminating: this.#terminating.signal,
          changed: () => void this.#writeStatus(),
        }),
    );
    const finished = Promise.all(this.#runners.map((runner) => runner.run())).catch((error: unknown) => {
      if (!(error instanceof NotRunnableError)) throw error;
      this.#rejection = { reason: error.reason, message: error.message };
      void this.#writeStatus();
    });
    const stopping = this.#untilTerminating().then(() => this.#stop(finished));
    const stopped = stopping.then(() => finished);
    // Whichever loses the race must not fail unheard.
    stopped.catch(() => undefined);
    await Promise.race([finished, stopped]);
  }

  /** Ends what runs: asks the agents, and gives up on those that do not answer within the grace period. */
  async #stop(finished: Promise<unknown>): Promise<void> {
    if (this.#shutdown.aborted) return;
    for (const runner of this.#runners) {
      this.#context.events.pod(
        this.#pod,
        'Normal',
        'Killing',
        `Stopping container ${runner.status().name}`,
        runner.status().name,
      );
      runner.stop();
    }
    const grace = (this.#pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
    const over = new AbortController();
    void finished.finally(() => over.abort()).catch(() => undefined);
    await delay(grace + STOP_MARGIN, undefined, { signal: AbortSignal.any([over.signal, this.#gone.signal]) }).catch(
      () => undefined,
    );
    for (const runner of this.#runners) runner.abandon('the agent did not confirm the stop within the grace period');
  }

  async #finish(): Promise<void> {
    if (this.#shutdown.aborted || this.#gone.signal.aborted) return;
    const phase = this.#pod.status?.phase;
    if (phase !== 'Succeeded' && phase !== 'Failed') await this.#writeStatus();
    while (!this.#gone.signal.aborted && !this.#shutdown.aborted) {
      try {
        await deletePod(this.#context.client, this.#pod, this.#shutdown);
        return;
      } catch (error) {
        this.#context.log.warn({ err: error, pod: this.#name }, 'pod object not deleted, trying again');
        await delay(RETRY_DELETE, undefined, { signal: AbortSignal.any([this.#gone.signal, this.#shutdown]) }).catch(
          () => undefined,
        );
      }
    }
  }

  #writeStatus(): Promise<void> {
    const status = podStatus({
      pod: this.#pod,
      containers: this.#runners.map((runner) => runner.status()),
      rejection: this.#rejection,
      terminating: this.#terminating.signal.aborted,
      hostIP: this.#context.hostIP,
      previous: this.#conditions,
      startTime: this.#startTime,
      now: Date.now(),
    });
    this.#conditions = status.conditions;
    return this.#context.statuses.write(this.#pod, status);
  }

  async #untilTerminating(): Promise<void> {
    const signal = AbortSignal.any([this.#terminating.signal, this.#shutdown]);
    if (signal.aborted) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
}
