import type { CheckpointStore } from '../checkpoints/index.ts';
import type { ApiClient, EventRecorder, PodStatusWriter } from '../cluster/index.ts';
import type { AgentRegistry, AgentSession, Identities } from '../gateway/index.ts';
import type { ImageStore } from '../images/index.ts';
import type { Logger } from '../logger.ts';
import type { LogStore } from '../logs/index.ts';
import type { SuspendableModules } from '../modules/index.ts';
import type { Placement } from '../placement/index.ts';
import type { RunStore } from './run-store.ts';

/** What pod workers work with; one for all pods of the node. */
export interface PodContext {
  readonly client: ApiClient;
  readonly statuses: PodStatusWriter;
  readonly events: EventRecorder;
  readonly images: ImageStore;
  readonly placement: Placement<AgentSession>;
  readonly agents: AgentRegistry;
  readonly identities: Identities;
  readonly logs: LogStore;
  readonly checkpoints: CheckpointStore;
  readonly modules: SuspendableModules;
  readonly runs: RunStore;
  readonly hostIP: string;
  readonly log: Logger;
}
