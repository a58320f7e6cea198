export { encodeMessage, parseAgentMessage, parseNodeMessage } from './codec.ts';
export { ProtocolError, type ProtocolErrorCode } from './error.ts';
export {
  type CheckpointFrame,
  decodeFrame,
  encodeFrame,
  type Frame,
  type OutputFrame,
  type OutputStream,
} from './frames.ts';
export { limits } from './limits.ts';
export type {
  AgentEngine,
  AgentMessage,
  Assignment,
  CheckpointBlob,
  CheckpointMessage,
  ContainerState,
  ExitedState,
  Hello,
  NodeMessage,
  Offer,
  StreamOffsets,
  Welcome,
} from './messages.ts';
export { negotiateVersion, supportedVersions } from './version.ts';
