// One call of a module in a worker: what goes in, what comes out, and who ends it. Used by the page in a browser and by
// Node alike, so that all engines treat results, errors, hangs and dead workers in the same way.
import type { EngineName } from './engine.ts';

/** First and only message to the worker. */
export interface WorkerCall {
  readonly engine: EngineName;
  readonly isolated: boolean;
  /** The module's input, by `encodeTagged`. */
  readonly input: string;
  /** Where `file(name)` finds the call's files. */
  readonly filesUrl: string;
}

export interface RemoteError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export type WorkerMessage =
  | { readonly type: 'log'; readonly text: string }
  | { readonly type: 'returned'; readonly output: string }
  | { readonly type: 'threw'; readonly error: RemoteError };

export type Outcome = { readonly log: readonly string[] } & (
  | { readonly type: 'returned'; readonly output: string }
  | { readonly type: 'threw'; readonly error: RemoteError }
  | { readonly type: 'timed out' }
  | { readonly type: 'cancelled' }
);

/** The part of a dedicated worker, or of a worker thread, that a call needs. */
export interface WorkerHandle {
  post(call: WorkerCall): void;
  onMessage(listener: (message: WorkerMessage) => void): void;
  /** Called if the worker dies without an answer, its script not loading included. */
  onDeath(listener: (why: string) => void): void;
  terminate(): void;
}

/** Runs one call to its outcome and terminates the worker. Never rejects. */
export function conduct(
  worker: WorkerHandle,
  call: WorkerCall,
  timeoutMs: number,
  cancelled: Promise<unknown>,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const log: string[] = [];
    const settle = (outcome: Outcome): void => {
      clearTimeout(timer);
      worker.terminate();
      resolve(outcome);
    };
    const timer = setTimeout(() => settle({ type: 'timed out', log }), timeoutMs);
    void cancelled.then(() => settle({ type: 'cancelled', log }));
    worker.onDeath((why) => {
      const message = `the worker died: ${why}`;
      settle({ type: 'threw', error: { name: 'Error', message, stack: '' }, log });
    });
    worker.onMessage((message) => {
      if (message.type === 'log') log.push(message.text);
      else settle({ ...message, log });
    });
    worker.post(call);
  });
}
