/** Why an agent cannot go on, or a container could not be started. */
export type AgentErrorCode =
  /** The node ended the connection for good; its message says why. */
  | 'refused'
  /** The agent was given something it cannot use, such as a gateway address of an unknown scheme. */
  | 'bad-option'
  /** A blob could not be fetched, or its bytes are not those of its digest. */
  | 'bad-blob'
  /** The bytes are not a program this agent can run. */
  | 'bad-module'
  /** The agent page could not be bundled. */
  | 'bundle';

export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: AgentErrorCode;

  constructor(code: AgentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
