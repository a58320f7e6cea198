export { Agent, type AgentOptions } from './agent.ts';
export { type AgentRuntime, type Clock, type Guest, type GuestListener, systemClock } from './runtime.ts';
export type { AgentStatus, LinkState } from './status.ts';
