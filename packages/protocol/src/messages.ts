// The node⇄agent protocol, declared once: types and validators below are derived from these schemas.
// Control messages are JSON text frames; output travels in binary frames (frames.ts).
import * as z from 'zod/mini';
import { limits } from './limits.ts';

const text = (longest: number) => z.string().check(z.maxLength(longest));
const count = z.int().check(z.nonnegative());
const assignmentId = z.uuid();
const epoch = z.int().check(z.positive());
const digest = z.string().check(z.regex(/^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/));
/** RFC 3339 UTC with milliseconds, as `Date.toISOString()` writes it. */
const time = z.iso.datetime();

/** What an agent lends: CPU in thousandths of a core, memory in bytes, and how many containers at once. */
const offer = z.strictObject({ cpuMillis: count, memoryBytes: count, containers: count });

/** Bytes of a container's output on each stream: how many exist, were stored, or are acknowledged. */
const streamOffsets = z.strictObject({ stdout: count, stderr: count });

/** State of one container as its agent sees it. Exit codes are 0–255; `trap` and `error` carry a message. */
const containerState = z.discriminatedUnion('phase', [
  z.strictObject({ phase: z.literal('starting') }),
  z.strictObject({ phase: z.literal('running'), startedAt: time }),
  z.strictObject({
    phase: z.literal('exited'),
    cause: z.enum(['exit', 'trap', 'stopped', 'error']),
    exitCode: z.int().check(z.minimum(0), z.maximum(255)),
    message: z.optional(text(4096)),
    startedAt: z.optional(time),
    finishedAt: time,
  }),
]);

const hello = z.strictObject({
  type: z.literal('hello'),
  versions: z.array(z.int()).check(z.maxLength(16)),
  /** The site's publishable key. */
  key: text(256),
  /** What a previous `welcome` gave: the same agent is back. */
  identity: z.optional(text(2048)),
  agent: z.strictObject({
    name: z.optional(text(253)),
    engine: z.enum(['chromium', 'firefox', 'webkit', 'node', 'other']),
    engineVersion: text(64),
    features: z.array(text(64)).check(z.maxLength(64)),
  }),
  offer,
  /** Containers the agent still has from before, with the output it has produced in all. */
  held: z
    .array(z.strictObject({ assignment: assignmentId, epoch, state: containerState, produced: streamOffsets }))
    .check(z.maxLength(limits.assignments)),
});

/** A stored piece of a suspended program: where its bytes are, compressed. */
const checkpointBlob = z.strictObject({ digest, size: count });

const agentMessage = z.discriminatedUnion('type', [
  hello,
  z.strictObject({ type: z.literal('offer'), offer }),
  z.strictObject({ type: z.literal('state'), assignment: assignmentId, epoch, state: containerState }),
  /**
   * A checkpoint whose bytes went before in frames of the same sequence number. `base` is the sequence it builds on, null
   * for a full one. `streams`: output produced when it was taken. `final`: the program stays suspended, for another agent.
   */
  z.strictObject({
    type: z.literal('checkpoint'),
    assignment: assignmentId,
    epoch,
    sequence: count,
    base: z.nullable(count),
    blob: checkpointBlob,
    streams: streamOffsets,
    takenAt: time,
    memoryBytes: count,
    final: z.boolean(),
  }),
  z.strictObject({ type: z.literal('heartbeat') }),
  z.strictObject({ type: z.literal('goodbye'), reason: z.enum(['closing', 'hidden', 'paused', 'stopped']) }),
]);

const nodeMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('welcome'),
    version: z.int(),
    agent: text(253),
    identity: text(2048),
    /** Seconds between the agent's heartbeats, and after how many silent seconds the agent counts as lost. */
    heartbeatSeconds: z.number().check(z.positive()),
    leaseSeconds: z.number().check(z.positive()),
    /** Each container of `hello.held` that the agent goes on with, and how much of its output is stored. */
    keep: z.array(z.strictObject({ assignment: assignmentId, epoch, stored: streamOffsets })),
  }),
  z.strictObject({
    type: z.literal('assign'),
    assignment: assignmentId,
    epoch,
    pod: z.strictObject({ namespace: text(253), name: text(253), uid: text(64) }),
    container: text(253),
    module: z.strictObject({ digest, size: count }),
    /** Lets this agent fetch the blobs of this assignment for a while: `/blobs/DIGEST?token=…`. */
    token: text(2048),
    argv: z.array(z.string()),
    /** `NAME=value`, in order, names unique. */
    env: z.array(z.string()),
    /** The module is instrumented: run it so that it can be suspended, with a checkpoint at this interval. */
    suspend: z.optional(z.strictObject({ checkpointSeconds: z.number().check(z.positive()) })),
    /** Go on from these (a full one and the deltas behind it, oldest first), with output numbered from `streams`. */
    resume: z.optional(
      z.strictObject({
        checkpoints: z.array(checkpointBlob).check(z.minLength(1), z.maxLength(limits.checkpointChain)),
        streams: streamOffsets,
        sequence: count,
      }),
    ),
  }),
  /** Take a checkpoint now; with `final` do not go on after it. */
  z.strictObject({ type: z.literal('checkpoint'), assignment: assignmentId, epoch, final: z.boolean() }),
  /** The checkpoint is on the node's disk. After a final one the agent may forget the assignment. */
  z.strictObject({ type: z.literal('checkpointed'), assignment: assignmentId, epoch, sequence: count }),
  z.strictObject({ type: z.literal('stop'), assignment: assignmentId, epoch }),
  /** Output up to these offsets is stored; the agent may forget it. */
  z.strictObject({ type: z.literal('ack'), assignment: assignmentId, epoch, stored: streamOffsets }),
  /** The exit is recorded; the agent may forget the assignment. */
  z.strictObject({ type: z.literal('settled'), assignment: assignmentId, epoch }),
  z.strictObject({ type: z.literal('heartbeat') }),
  /** The connection ends after this. With `retry: false` coming back would end the same way. */
  z.strictObject({ type: z.literal('error'), code: text(64), message: text(1024), retry: z.boolean() }),
]);

export const schemas = { agentMessage, nodeMessage } as const;

export type AgentMessage = z.infer<typeof agentMessage>;
export type NodeMessage = z.infer<typeof nodeMessage>;
export type Hello = z.infer<typeof hello>;
export type Welcome = Extract<NodeMessage, { type: 'welcome' }>;
export type Assignment = Extract<NodeMessage, { type: 'assign' }>;
export type Offer = z.infer<typeof offer>;
export type StreamOffsets = z.infer<typeof streamOffsets>;
export type CheckpointBlob = z.infer<typeof checkpointBlob>;
export type CheckpointMessage = Extract<AgentMessage, { type: 'checkpoint' }>;
export type ContainerState = z.infer<typeof containerState>;
export type ExitedState = Extract<ContainerState, { phase: 'exited' }>;
export type AgentEngine = Hello['agent']['engine'];
