export type { Blocking, Suspender } from './blocking/blocking.ts';
export type { BlockingOffer } from './blocking/choose.ts';
export { chooseBlocking } from './blocking/choose.ts';
export type { Clock } from './clock.ts';
export { platformClock } from './clock.ts';
export { WasiError, type WasiErrorCode } from './error.ts';
export type { Connection, Listener } from './fd/socket.ts';
export { type BundleEntry, MemoryTree, type MemoryTreeOptions } from './fs/memory-tree.ts';
export type { Mount } from './fs/namespace.ts';
export { makeDirectory, publish, readFile, remove, writeFile } from './fs/outside.ts';
export { bytesSource, lazySource, rangeSource, type Source } from './fs/source.ts';
export { WasiHost, type WasiOptions } from './host.ts';
export type { RandomSource } from './random.ts';
export { decodeState, encodeState } from './state/encode.ts';
export type { DescriptorState, NodeReference, NodeState, TreeState, WasiState } from './state/state.ts';
export { type BatchOptions, batchOutputs } from './stream/batch.ts';
export { closedInput, InputQueue } from './stream/input.ts';
export { directOutput, OutputQueue, type OutputQueueOptions } from './stream/output.ts';
export {
  createDoorbell,
  createSharedPipe,
  ring,
  type SharedPipe,
  SharedPipeReader,
  SharedPipeWriter,
} from './stream/shared.ts';
export type { InputStream, OutputStream } from './stream/stream.ts';
