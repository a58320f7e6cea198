// A suspendable program with its WASI host, from its beginning or from snapshots: the one way in for guests and for
// `wigeon run`.
import { decodeSnapshot, Program, type ProgramOptions, restoreSnapshot, type SuspendableModule } from '@wigeon/suspend';
import { decodeState, type WasiHost, type WasiOptions, type WasiState } from '@wigeon/wasi';

export interface SuspendableStart {
  readonly module: SuspendableModule;
  /** Makes the host whose calls wait in the given way. */
  readonly createHost: (blocking: NonNullable<WasiOptions['blocking']>) => WasiHost;
  /** A full snapshot and the deltas behind it, uncompressed, oldest first; empty to begin at `_start`. */
  readonly snapshots: readonly Uint8Array<ArrayBuffer>[];
  readonly options?: ProgramOptions;
}

/**
 * Instantiates the program and restores it if there are snapshots; nothing of it has run yet.
 * @throws SuspendError, WasiError or the engine's own errors where module or snapshots do not fit
 */
export function beginSuspendable(start: SuspendableStart): { program: Program; host: WasiHost } {
  const { module, createHost, snapshots, options } = start;
  // The host's calls wait through the program, which exists only after the host's imports do.
  let begun: Program | undefined;
  const suspendUntil = (ready: Promise<unknown>): never => {
    if (!begun) throw new Error('a host call waits before the program has begun');
    return begun.suspendUntil(ready);
  };
  const host = createHost({ kind: 'suspend', suspender: { suspendUntil } });
  const program = new Program(module, host.imports, options);
  begun = program;
  host.bind(program.instance);
  const last = snapshots.at(-1);
  if (last) {
    restoreSnapshot(program, last, snapshots.slice(0, -1));
    const states = snapshots.map((bytes) => decodeState(decodeSnapshot(bytes).host));
    host.restore(...(states as [WasiState, ...WasiState[]]));
  } else program.start();
  return { program, host };
}
