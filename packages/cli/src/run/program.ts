import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { beginSuspendable } from '@wigeon/agent/guest';
import {
  compressSnapshot,
  decompressSnapshot,
  instrument,
  type Program,
  type RunOutcome,
  SuspendableModule,
  takeSnapshot,
} from '@wigeon/suspend';
import { encodeState, MemoryTree, type Mount, WasiHost } from '@wigeon/wasi';
import { hostDirectory } from '@wigeon/wasi/node';
import { isTerminal, processInput, processOutput } from './standard-streams.ts';

export interface RunRequest {
  readonly module: Uint8Array<ArrayBuffer>;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly directories: readonly { readonly host: string; readonly guest: string }[];
  readonly maxMemoryBytes: number | undefined;
  readonly suspend: Suspension;
  /** Snapshot to go on from. */
  readonly restore: string | undefined;
  /** Where `after` writes its snapshot. */
  readonly checkpoint: string | undefined;
}

/** `every`: at each n-th poll the program moves to a new instance. `after`: it is stopped with a snapshot. */
export type Suspension =
  | { readonly kind: 'off' }
  | { readonly kind: 'on' }
  | { readonly kind: 'every'; readonly polls: number }
  | { readonly kind: 'after'; readonly milliseconds: number };

/** The program was suspended and its snapshot written: EX_TEMPFAIL of sysexits, "try again later". */
export const SUSPENDED_EXIT_CODE = 75;

const PAGE = 65536;

/** Runs a program as an agent would, with this process's streams; resolves with the exit code. Traps reject. */
export async function runProgram(request: RunRequest): Promise<number> {
  if (request.suspend.kind !== 'off') return runSuspendable(request);
  const host = createHost(request, { kind: 'sleep' });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(request.module), host.imports);
  host.bind(instance);
  return host.start(instance);
}

async function runSuspendable(request: RunRequest): Promise<number> {
  const { suspend, maxMemoryBytes, checkpoint } = request;
  const { bytes } = instrument(
    request.module,
    maxMemoryBytes === undefined ? {} : { maxMemoryPages: Math.ceil(maxMemoryBytes / PAGE) },
  );
  const module = new SuspendableModule(new WebAssembly.Module(bytes));
  let snapshot = request.restore === undefined ? undefined : await decompressSnapshot(await readBytes(request.restore));
  for (;;) {
    let polls = 0;
    const { program, host } = beginSuspendable({
      module,
      createHost: (blocking) => createHost(request, blocking),
      snapshots: snapshot ? [snapshot] : [],
      options: suspend.kind === 'every' ? { atEachPoll: () => ++polls % suspend.polls === 0 } : {},
    });
    const outcome = await untilStopped(program, suspend);
    host.flush();
    if (outcome.state === 'finished') return 0;
    if (outcome.state === 'failed') return host.exitCode(outcome.error);
    const taken = takeSnapshot(program, { host: encodeState(host.save()) }).bytes;
    if (suspend.kind === 'after') {
      if (checkpoint !== undefined) await writeFile(checkpoint, await compressSnapshot(taken));
      return SUSPENDED_EXIT_CODE;
    }
    snapshot = taken;
  }
}

/** Runs until the program ends or is to be suspended; waits of host calls are served in between. */
async function untilStopped(program: Program, suspend: Suspension): Promise<RunOutcome> {
  const deadline = suspend.kind === 'after' ? performance.now() + suspend.milliseconds : Number.POSITIVE_INFINITY;
  for (;;) {
    const left = deadline - performance.now();
    const outcome = program.run(Math.max(0, left));
    if (outcome.state !== 'suspended' || outcome.reason !== 'wait') return outcome;
    const limit = new AbortController();
    const late =
      left === Number.POSITIVE_INFINITY
        ? []
        : [
            delay(Math.max(0, deadline - performance.now()), 'late' as const, { signal: limit.signal }).catch(
              () => undefined,
            ),
          ];
    const first = await Promise.race([outcome.ready, ...late]);
    limit.abort();
    if (first === 'late') return outcome;
  }
}

function createHost(
  request: RunRequest,
  blocking: NonNullable<ConstructorParameters<typeof WasiHost>[0]['blocking']>,
): WasiHost {
  const mounts: Mount[] = request.directories.map(({ host, guest }) => ({ path: guest, root: hostDirectory(host) }));
  if (!mounts.some(({ path }) => path === '/')) mounts.unshift({ path: '/', root: new MemoryTree().root });
  return new WasiHost({
    args: request.args,
    env: request.env,
    stdin: processInput(),
    stdout: processOutput(1),
    stderr: processOutput(2),
    terminal: isTerminal(),
    mounts,
    blocking,
  });
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(path));
}
