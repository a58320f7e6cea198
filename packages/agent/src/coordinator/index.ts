export { Agent, type AgentOptions, type AgentStatus } from './agent.ts';
export type { LinkState } from './link.ts';
export { type AgentRuntime, type Clock, type Guest, type GuestListener, systemClock } from './runtime.ts';
