// The agent's core, for any runtime: give it a runtime and it speaks to a node. The page and Node are its two rims.
export {
  Agent,
  type AgentOptions,
  type AgentRuntime,
  type AgentStatus,
  type Clock,
  type Guest,
  type GuestListener,
  type LinkState,
  systemClock,
} from './coordinator/index.ts';
export { AgentError, type AgentErrorCode } from './error.ts';
export type { GuestExit, GuestReport, GuestStart } from './guest/index.ts';
export { computeOffer } from './policy/index.ts';
