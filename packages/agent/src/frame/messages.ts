// What page, frame and coordinator worker say to each other.
import type { AgentStatus } from '../coordinator/status.ts';

/** Frame to coordinator. The first is `start`. */
export type CoordinatorCommand =
  | {
      readonly kind: 'start';
      readonly gateway: string;
      readonly key: string;
      readonly name?: string;
      /** Address of the guest worker's script. */
      readonly guest: string;
    }
  | {
      readonly kind: 'suspend';
      readonly reason: 'closing' | 'hidden';
      /** One cell that becomes 1 when the node has been told; absent where memory cannot be shared. */
      readonly told?: SharedArrayBuffer;
    }
  | { readonly kind: 'wake' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' };

/** Coordinator to frame. */
export type CoordinatorEvent =
  | { readonly kind: 'status'; readonly status: AgentStatus }
  | { readonly kind: 'log'; readonly line: string };

/** Host page to frame, by `postMessage`. */
export interface PageCommand {
  readonly wigeon: 'pause' | 'resume';
}

/** Frame to host page. */
export interface PageEvent {
  readonly wigeon: 'status';
  readonly status: AgentStatus;
}
