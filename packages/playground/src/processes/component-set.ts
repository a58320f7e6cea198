import { type Component, type ComponentOptions, startComponent } from './component.ts';

/** Components that stand and fall together: the first one to end by itself is the failure of all. */
export class ComponentSet implements AsyncDisposable {
  /** Never resolves; rejects when a component ends that nobody disposed. */
  readonly failed: Promise<never>;
  readonly #starts: Promise<Component>[] = [];
  readonly #fail: (reason: unknown) => void;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#fail = reject;
    // It is raced with what is being waited for, and there may be nothing.
    promise.catch(() => {});
  }

  start(options: ComponentOptions): Promise<Component> {
    const start = startComponent(options);
    this.#starts.push(start);
    start.then((component) => component.done).catch(this.#fail);
    return start;
  }

  /** Waits also for components that are just being started, so that none is forgotten. */
  async [Symbol.asyncDispose](): Promise<void> {
    const starts = await Promise.allSettled(this.#starts);
    await Promise.all(
      starts.map((start) => (start.status === 'fulfilled' ? start.value[Symbol.asyncDispose]() : null)),
    );
  }
}
