import type { Pod } from '../cluster/index.ts';

/** `off` runs the container's module as it is: no checkpoints, no handoff. */
const SUSPEND = 'wigeon.dev/suspend';
/** Seconds between checkpoints, such as `30` or `30s`. */
const INTERVAL = 'wigeon.dev/checkpoint-interval';
const DEFAULT_SECONDS = 30;

/** What the pod's annotations say about being suspended. An interval that is none counts as the default. */
export function suspensionOf(pod: Pod): { readonly wanted: boolean; readonly checkpointSeconds: number } {
  const annotations = pod.metadata.annotations ?? {};
  const seconds = Number(/^(\d+(?:\.\d+)?)s?$/.exec(annotations[INTERVAL] ?? '')?.[1]);
  return { wanted: annotations[SUSPEND] !== 'off', checkpointSeconds: seconds > 0 ? seconds : DEFAULT_SECONDS };
}
