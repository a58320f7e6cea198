export type LinkState = 'connecting' | 'connected' | 'waiting' | 'closed';

/** What an agent is doing, for the page it lives in and for operators. */
export interface AgentStatus {
  readonly connection: LinkState | 'paused' | 'refused';
  /** Containers whose program has not ended. */
  readonly containers: number;
  /** Why the node refused this agent. */
  readonly message?: string;
}
