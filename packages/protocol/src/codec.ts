import type * as z from 'zod/mini';
import { ProtocolError } from './error.ts';
import { limits } from './limits.ts';
import { type AgentMessage, type NodeMessage, schemas } from './messages.ts';

/** The JSON text of a control message. */
export function encodeMessage(message: AgentMessage | NodeMessage): string {
  return JSON.stringify(message);
}

/**
 * Reads what an agent sent.
 * @throws ProtocolError `too-large`, `malformed` (not JSON) or `out-of-protocol` (names the field)
 */
export function parseAgentMessage(text: string): AgentMessage {
  return parse(schemas.agentMessage, text);
}

/**
 * Reads what a node sent.
 * @throws ProtocolError as {@link parseAgentMessage}
 */
export function parseNodeMessage(text: string): NodeMessage {
  return parse(schemas.nodeMessage, text);
}

function parse<T>(schema: z.ZodMiniType<T>, text: string): T {
  if (text.length > limits.controlLength) {
    throw new ProtocolError(
      'too-large',
      `control message of ${text.length} characters; the limit is ${limits.controlLength}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError('malformed', 'control message is not JSON', { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.length ? ` at ${issue.path.join('.')}` : '';
  throw new ProtocolError('out-of-protocol', `message is not of the protocol${where}: ${issue?.message ?? 'invalid'}`);
}
