// kubectl against one playground.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Program } from '../binaries/programs.ts';

export interface KubectlOptions {
  /** Kills kubectl; the result then has the exit code of the signal. */
  readonly signal?: AbortSignal;
}

export interface KubectlResult {
  readonly stdout: Buffer;
  readonly stderr: string;
  /** kubectl's exit code; 128 plus the signal's number if it was killed. */
  readonly code: number;
}

/** A kubectl that runs, such as `logs -f`. Disposing kills it. */
export interface KubectlProcess extends AsyncDisposable {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly code: Promise<number>;
}

export interface Kubectl extends AsyncDisposable {
  /** Runs to the end, whatever the exit code. */
  run(args: readonly string[], options?: KubectlOptions & { input?: string | Uint8Array }): Promise<KubectlResult>;
  /** Starts, for output that is read while it comes. Read both streams, or a full pipe stops it. */
  stream(args: readonly string[], options?: KubectlOptions): KubectlProcess;
}

/** Disposing the result kills every kubectl that is still running. */
export function createKubectl(program: Program, kubeconfig: string, stateDirectory: string): Kubectl {
  const running = new Set<KubectlProcess>();
  const environment = {
    ...process.env,
    KUBECONFIG: kubeconfig,
    // The user's own preferences and caches belong to the user's own clusters.
    KUBERC: 'off',
    KUBECACHEDIR: join(stateDirectory, 'kubectl-cache'),
  };

  const stream: Kubectl['stream'] = (args, { signal } = {}) => {
    const child = spawn(program.command, [...program.args, ...args], { env: environment });
    const kubectl = wrap(child);
    running.add(kubectl);
    const kill = (): void => {
      child.kill('SIGKILL');
    };
    signal?.addEventListener('abort', kill);
    if (signal?.aborted) kill();
    const forget = (): void => {
      running.delete(kubectl);
      signal?.removeEventListener('abort', kill);
    };
    kubectl.code.then(forget, forget);
    return kubectl;
  };

  return {
    stream,
    async run(args, { input, ...options } = {}) {
      const kubectl = stream(args, options);
      kubectl.stdin.end(input);
      const [stdout, stderr, code] = await Promise.all([buffer(kubectl.stdout), buffer(kubectl.stderr), kubectl.code]);
      return { stdout, stderr: stderr.toString('utf8'), code };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((kubectl) => kubectl[Symbol.asyncDispose]()));
    },
  };
}

function wrap(child: ChildProcessWithoutNullStreams): KubectlProcess {
  const code = once(child, 'close').then(([exitCode, signal]: (number | NodeJS.Signals | null)[]) =>
    typeof exitCode === 'number' ? exitCode : 128 + constants.signals[signal as NodeJS.Signals],
  );
  // A kubectl that ends without reading its input breaks the pipe; its exit code tells why.
  child.stdin.on('error', () => {});
  const ended = code.then(
    () => {},
    () => {},
  );
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    code,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      // `close` comes only after the output was read, and now nobody may be reading it.
      child.stdout.resume();
      child.stderr.resume();
      await ended;
    },
  };
}
