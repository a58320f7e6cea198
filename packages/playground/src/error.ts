/** What went wrong, grouped by who can mend it. */
export type PlaygroundErrorCode =
  // The person at the keyboard.
  | 'go_missing'
  | 'go_too_old'
  | 'assets_incomplete'
  | 'kubernetes_unsupported'
  | 'aborted'
  // The machine.
  | 'build_failed'
  | 'no_free_port'
  | 'start_timeout'
  // A component, or us.
  | 'component_failed'
  | 'api_refused';

/** Every error the playground throws; the message names what failed and why, `cause` holds the error below it. */
export class PlaygroundError extends Error {
  readonly code: PlaygroundErrorCode;

  constructor(code: PlaygroundErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'PlaygroundError';
    this.code = code;
  }
}
