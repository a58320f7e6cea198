/** Exit codes of the command itself, as sysexits and shells use them. `run` passes on the guest's own. */
export const exitCodes = { failure: 1, usage: 2, trap: 134, interrupted: 130 } as const;

/** Prints an error for people: its message and the messages of what caused it; a stack only with WIGEON_DEBUG. */
export function reportError(error: unknown): number {
  if (process.env.WIGEON_DEBUG) console.error(error);
  const seen = new Set<unknown>();
  for (
    let cause: unknown = error;
    cause !== undefined && !seen.has(cause);
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    seen.add(cause);
    const message = cause instanceof Error ? cause.message : String(cause);
    console.error(cause === error ? `wigeon: ${message}` : `  because: ${message}`);
  }
  return exitCodes.failure;
}
