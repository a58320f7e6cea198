// `wigeon agent`: the browser's coordinator and guest code in Node.
import { availableParallelism, hostname, totalmem } from 'node:os';
import type { Offer } from '@wigeon/protocol';
import { Agent, type AgentStatus } from '../coordinator/index.ts';
import { computeOffer, engineFeatures } from '../policy/index.ts';
import { nodeRuntime } from './runtime.ts';

export interface NodeAgentOptions {
  /** Address of the node's gateway, http or https. */
  readonly url: string;
  /** The site's publishable key. */
  readonly key: string;
  /** Shown to operators; default the machine's name. */
  readonly name?: string;
  /** Default: all cores and half of the memory. */
  readonly offer?: Offer;
  /** Stops the agent when it fires. */
  readonly signal?: AbortSignal;
  readonly log?: (line: string) => void;
  readonly onStatus?: (status: AgentStatus) => void;
}

/** A running agent. Disposing it leaves the node and ends its guests. */
export interface NodeAgent extends AsyncDisposable {
  /** Settles at the first welcome; rejects with AgentError `refused`. */
  readonly ready: Promise<void>;
  /** Settles when the agent has stopped; rejects with AgentError `refused`. */
  readonly done: Promise<void>;
  readonly status: AgentStatus;
}

/**
 * Starts an agent in this process, its guests on worker threads.
 * @throws AgentError `bad-option` when `url` is not an http or https address
 */
export function startNodeAgent(options: NodeAgentOptions): NodeAgent {
  const { url, key, signal, log, onStatus } = options;
  const agent = new Agent(
    {
      gateway: url,
      key,
      name: options.name ?? hostname(),
      engine: { name: 'node', version: process.versions.node, features: engineFeatures() },
      offer: options.offer ?? computeOffer(availableParallelism(), totalmem()),
      ...(signal && { signal }),
      ...(log && { log }),
      ...(onStatus && { onStatus }),
    },
    nodeRuntime,
  );
  agent.start();
  return agent;
}
