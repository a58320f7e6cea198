const FIRST = 10_000;
const LONGEST = 300_000;

/**
 * Milliseconds to wait after a failed pull, as the kubelet does: 10 s, doubling to 300 s.
 *
 * @param failures how many pulls failed before this one
 */
export function imagePullDelay(failures: number): number {
  return Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 10));
}
