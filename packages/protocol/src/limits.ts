/** Sizes that both ends enforce; a peer that exceeds one is disconnected with code `too-large`. */
export const limits = {
  /** Longest control message, in UTF-16 code units of its JSON text. */
  controlLength: 1024 * 1024,
  /** Longest payload of one output frame, in bytes. */
  outputBytes: 256 * 1024,
  /** Longest payload of one checkpoint frame, in bytes. */
  checkpointFrameBytes: 256 * 1024,
  /** Longest checkpoint, compressed, in bytes. */
  checkpointBytes: 1024 * 1024 * 1024,
  /** Most checkpoints that build on one another, the full one included. */
  checkpointChain: 16,
  /** Most assignments one agent may hold. */
  assignments: 1024,
  /** Output that an agent keeps for a container until the node has acknowledged it, in bytes; then the guest waits. */
  unacknowledgedBytes: 4 * 1024 * 1024,
} as const;
