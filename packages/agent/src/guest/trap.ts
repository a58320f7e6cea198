// Says in one text why a program died, the same way in three engines.

/** Stack frames that are worth a line in a container's status. */
const FRAMES = 6;
/** `terminationMessage` is limited to 4096 bytes by Kubernetes; the protocol takes as many characters. */
const LONGEST = 2048;

/**
 * Whether what ended the program is its own doing: a trap, an uncaught Wasm exception, or a full call stack
 * (`RangeError` in V8 and JavaScriptCore, `InternalError` in SpiderMonkey).
 */
export function isTrap(error: unknown): boolean {
  return (
    error instanceof WebAssembly.RuntimeError ||
    isWasmException(error) ||
    error instanceof RangeError ||
    (error instanceof Error && error.name === 'InternalError')
  );
}

/** `RuntimeError: unreachable` and the innermost frames, one a line. */
export function describeTrap(error: unknown): string {
  if (isWasmException(error)) return 'uncaught WebAssembly exception';
  if (!(error instanceof Error)) return `uncaught ${String(error)}`.slice(0, LONGEST);
  const frames = wasmFrames(error.stack ?? '').slice(0, FRAMES);
  // JavaScriptCore adds the expression of our own code that called the program.
  const message = error.message.replace(/ \(evaluating '.*'\)$/, '');
  return [`${error.name}: ${message}`, ...frames.map((frame) => `  at ${frame}`)].join('\n').slice(0, LONGEST);
}

function isWasmException(error: unknown): boolean {
  return typeof WebAssembly.Exception === 'function' && error instanceof WebAssembly.Exception;
}

/**
 * The Wasm frames of an engine's stack text, innermost first, as `NAME (wasm-function[3]:0x42)`:
 * V8 `at NAME (wasm://wasm/HASH:wasm-function[3]:0x42)`,
 * SpiderMonkey `NAME@URL line > WebAssembly.Module:wasm-function[3]:0x42`,
 * JavaScriptCore `NAME@<?>:wasm-function[3]`, with `(null)` for no name.
 */
function wasmFrames(stack: string): string[] {
  const frames: string[] = [];
  for (const line of stack.split('\n')) {
    const place = /wasm-function\[\d+\](?::0x[0-9a-f]+)?/.exec(line)?.[0];
    if (!place) continue;
    const name = /^\s*at (.+) \(wasm:/.exec(line)?.[1] ?? /^([^@]+)@/.exec(line)?.[1];
    frames.push(name && name !== '(null)' ? `${name} (${place})` : place);
  }
  return frames;
}
