// Runs one program to its end in the calling worker. The same code in browser workers and Node worker threads.
import type { OutputStream } from '@wigeon/protocol';
import { WasiHost } from '@wigeon/wasi';
import { FlowWait } from './flow.ts';
import type { GuestExit, GuestReport, GuestStart } from './messages.ts';
import { describeTrap, isTrap } from './trap.ts';

/** What a shell reports for a process that a SIGABRT ended; a trap is the Wasm counterpart. */
const TRAP_EXIT_CODE = 134;
/** containerd's exit code for a container that could not be started (`StartError`). */
const START_ERROR_EXIT_CODE = 128;

export type Post = (report: GuestReport, transfer: ArrayBuffer[]) => void;

/**
 * Runs the program and posts what happens; the last report is `exited`. Each write is posted at once: a program that
 * prints and then computes for a minute must be seen to print. Never throws. Returns when the program has ended, which
 * may be never: the owner of the worker terminates it.
 */
export function runGuest(start: GuestStart, post: Post): void {
  post(
    run(start, guestOutput(start, post), () => post({ kind: 'running' }, [])),
    [],
  );
}

/** Posts a program's writes, in pieces, and holds it back where it can be made to wait. */
export function guestOutput(start: GuestStart, post: Post): (stream: OutputStream, written: Uint8Array) => void {
  const flow = start.flow ? new FlowWait(start.flow) : undefined;
  return (stream, written) => {
    for (let from = 0; from < written.length; from += start.pieceBytes) {
      const bytes = written.slice(from, from + start.pieceBytes);
      flow?.admit(bytes.length);
      post({ kind: 'output', stream, bytes }, [bytes.buffer]);
    }
  };
}

/** `NAME=value` pairs as the WASI host takes them. */
export function environment(env: readonly string[]): Record<string, string> {
  return Object.fromEntries(env.map((entry) => splitOnce(entry)));
}

/** How a program ended by what came out of it: an exit, a trap, or a mistake of the host. */
export function exitOf(host: WasiHost, error: unknown): GuestExit {
  if (isTrap(error)) return { kind: 'exited', cause: 'trap', exitCode: TRAP_EXIT_CODE, message: describeTrap(error) };
  try {
    return { kind: 'exited', cause: 'exit', exitCode: host.exitCode(error) };
  } catch {
    return startError(`the WASI host failed: ${messageOf(error)}`);
  }
}

function run(
  { module, argv, env }: GuestStart,
  write: (stream: OutputStream, bytes: Uint8Array) => void,
  running: () => void,
): GuestExit {
  let host: WasiHost;
  try {
    host = new WasiHost({
      args: argv,
      env: environment(env),
      stdout: (bytes) => write('stdout', bytes),
      stderr: (bytes) => write('stderr', bytes),
      // Sleeps hold this worker, which is the program's own; that needs nothing of the engine (browser.md section 3, C).
      blocking: { kind: 'sleep' },
    });
  } catch (error) {
    return startError(`the program cannot be given its arguments: ${messageOf(error)}`);
  }
  let instance: WebAssembly.Instance;
  try {
    // Synchronous on purpose: in WebKitGTK 2.50 asynchronous instantiation in a worker can stay unsettled for good
    // (browser.md section 5.5).
    instance = new WebAssembly.Instance(module, host.imports);
    host.bind(instance);
  } catch (error) {
    if (isTrap(error)) return { kind: 'exited', cause: 'trap', exitCode: TRAP_EXIT_CODE, message: describeTrap(error) };
    return startError(`the module cannot be linked: ${messageOf(error)}`);
  }
  if (typeof instance.exports._start !== 'function') {
    return startError('the module exports no _start function: it is not a WASI command');
  }
  running();
  try {
    const code = host.start(instance);
    // A kernel keeps the low eight bits of an exit status (exit(3)).
    return { kind: 'exited', cause: 'exit', exitCode: code & 0xff };
  } catch (error) {
    return exitOf(host, error);
  }
}

/** The program never began. */
export function startError(message: string): GuestExit {
  return { kind: 'exited', cause: 'error', exitCode: START_ERROR_EXIT_CODE, message };
}

/** `NAME=value` at its first equals sign. */
function splitOnce(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
