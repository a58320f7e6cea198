// The kubelet's back-off for containers: at once the first time, then 10 s, doubling to 300 s; a run of ten minutes
// makes the next one count as the first again.
const FIRST_DELAY = 10_000;
const LAST_DELAY = 300_000;
const RESET_AFTER = 600_000;

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export function shouldRestart(policy: RestartPolicy, exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** Milliseconds to wait before each next start. */
export class RestartBackoff {
  #next = 0;

  /** @param ranFor milliseconds that the instance that just ended had run */
  delay(ranFor: number): number {
    if (ranFor >= RESET_AFTER) this.#next = 0;
    const delay = this.#next;
    this.#next = delay === 0 ? FIRST_DELAY : Math.min(delay * 2, LAST_DELAY);
    return delay;
  }
}
