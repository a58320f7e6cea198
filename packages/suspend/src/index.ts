export { exportModule, mostExportedFrames } from './export/export.ts';
export { engineVersion } from './instrument/engine-version.ts';
export { type InstrumentOptions, type InstrumentResult, instrument } from './instrument/instrument.ts';
export { SuspendError, type SuspendErrorCode } from './module/error.ts';
export type { Values } from './runtime/frame.ts';
export { Program, type ProgramOptions, type RunOutcome, type SuspendReason } from './runtime/program.ts';
export { SuspendableModule } from './runtime/suspendable-module.ts';
export { describeSnapshot } from './snapshot/describe.ts';
export { type DecodeLimits, decodeSnapshot, type Snapshot } from './snapshot/format.ts';
export {
  compressSnapshot,
  decompressSnapshot,
  restoreSnapshot,
  type SnapshotBase,
  type TakeOptions,
  takeSnapshot,
} from './snapshot/snapshot.ts';
export { captureState, type ProgramState, restoreState, type StateFrame, type StateValue } from './snapshot/state.ts';

/**
 * The hook of hosts for calls that cannot complete now; `Program` is one. To be called from inside an imported function
 * that has had no effect yet. It unwinds the guest; once `ready` settles, the same call is made again.
 */
export interface Suspender {
  suspendUntil(ready: Promise<unknown>): never;
}
