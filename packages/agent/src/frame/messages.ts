// What page, frame and coordinator worker say to each other.
import type { AgentStatus } from '../coordinator/status.ts';

/** Frame to coordinator. The first is `start`. */
export type CoordinatorCommand =
  | {
      readonly kind: 'start';
      readonly gateway: string;
      readonly key: string;
      readonly name?: string;
    }
  /** A guest worker of this number could not be loaded, or its engine gave it up. */
  | { readonly kind: 'guest-failed'; readonly guest: number; readonly reason: string }
  | {
      readonly kind: 'suspend';
      readonly reason: 'closing' | 'hidden';
      /** One cell that becomes 1 when the node has been told; absent where memory cannot be shared. */
      readonly told?: SharedArrayBuffer;
    }
  /** The page is hidden: it may go away without a further word. */
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'wake' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' };

/** Coordinator to frame. */
export type CoordinatorEvent =
  | { readonly kind: 'status'; readonly status: AgentStatus }
  | { readonly kind: 'log'; readonly line: string }
  /** Start a guest worker and hand it this port: from then on it and the coordinator speak directly. */
  | { readonly kind: 'spawn'; readonly guest: number; readonly port: MessagePort }
  | { readonly kind: 'terminate'; readonly guest: number };

/** Host page to frame, by `postMessage`. */
export interface PageCommand {
  readonly wigeon: 'pause' | 'resume';
}

/** Frame to host page. */
export interface PageEvent {
  readonly wigeon: 'status';
  readonly status: AgentStatus;
}
