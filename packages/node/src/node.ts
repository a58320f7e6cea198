import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointStore } from './checkpoints/index.ts';
import {
  createApiClient,
  createEventRecorder,
  keepLease,
  type NodeDescription,
  NodeRegistrar,
  PodStatusWriter,
} from './cluster/index.ts';
import type { NodeConfig } from './config/index.ts';
import {
  type AgentAsset,
  AgentRegistry,
  type AgentSession,
  type ConnectedAgent,
  openGateway,
  openIdentities,
} from './gateway/index.ts';
import { ImageStore } from './images/index.ts';
import type { Logger } from './logger.ts';
import { LogStore } from './logs/index.ts';
import { SuspendableModules } from './modules/index.ts';
import { Placement } from './placement/index.ts';
import { type PodContext, PodManager, RunStore } from './pods/index.ts';
import { openKubeletServer } from './server/index.ts';

export interface NodeOptions {
  readonly config: NodeConfig;
  /** What the gateway serves to browsers, by path. */
  readonly assets: ReadonlyMap<string, AgentAsset>;
  readonly log: Logger;
  /** This program's version, shown as the container runtime's. */
  readonly version: string;
}

/** A running virtual kubelet. Disposing it stops the process's part; pods, agents and the Node object stay. */
export interface WigeonNode extends AsyncDisposable {
  readonly name: string;
  readonly gatewayPort: number;
  readonly kubeletPort: number;
  /** The agents that are connected now. */
  agents(): readonly ConnectedAgent[];
  /** Resolves when the connected agents satisfy the condition. */
  untilAgents(condition: (agents: readonly ConnectedAgent[]) => boolean): Promise<void>;
}

/** Starts everything; resolves when the Node is registered, its ports are open and its pods are known. */
export async function startNode({ config, assets, log, version }: NodeOptions): Promise<WigeonNode> {
  const stop = new AbortController();
  const { signal } = stop;
  await using resources = new AsyncDisposableStack();
  resources.defer(() => stop.abort(new Error('the node is stopping')));
  await mkdir(config.stateDir, { recursive: true });

  const client = resources.use(createApiClient(config.kubeconfig));
  const events = createEventRecorder({ client, nodeName: config.nodeName, log, signal });
  const placement = new Placement<AgentSession>();
  const identities = await openIdentities(join(config.stateDir, 'identity.key'));
  const images = resources.use(
    await ImageStore.open({ directory: join(config.stateDir, 'images'), plainHttp: config.images.plainHttp }),
  );
  const logs = resources.use(new LogStore(join(config.stateDir, 'logs')));
  let totalChanged = Promise.withResolvers<void>();
  const checkpoints = await CheckpointStore.open(join(config.stateDir, 'checkpoints'));
  const modules = resources.use(new SuspendableModules(join(config.stateDir, 'instrumented')));
  const runs = await RunStore.open(join(config.stateDir, 'runs'));
  const agents = new AgentRegistry({
    placement,
    lease: config.gateway.leaseSeconds * 1000,
    log,
    onTotalChanged: () => {
      registrar?.changed();
      totalChanged.resolve();
      totalChanged = Promise.withResolvers<void>();
    },
  });
  resources.defer(() => agents.close());

  const context: PodContext = {
    client,
    statuses: new PodStatusWriter({ client, log, signal }),
    events,
    images,
    placement,
    agents,
    identities,
    logs,
    checkpoints,
    modules,
    runs,
    hostIP: config.address,
    log,
  };
  // The manager starts after the Node exists; the kubelet port must be known before it does.
  let pods: PodManager | undefined;
  const [certificate, key, clientCA] = await Promise.all(
    [config.kubelet.certFile, config.kubelet.keyFile, config.kubelet.clientCAFile].map((file) =>
      readFile(file, 'utf8'),
    ),
  );
  const kubelet = resources.use(
    await openKubeletServer({
      host: config.kubelet.host,
      port: config.kubelet.port,
      certificate: certificate ?? '',
      key: key ?? '',
      clientCA: clientCA ?? '',
      findPod: (namespace, name) => pods?.find(namespace, name),
      agents,
      checkpoints,
      takeCheckpoint: (uid) => agents.checkpoint(uid),
      logs,
      log,
    }),
  );
  const gateway = resources.use(
    await openGateway({
      host: config.gateway.host,
      port: config.gateway.port,
      keys: config.gateway.keys,
      assets,
      blob: async (digest) => (await images.blob(digest)) ?? (await modules.blob(digest)) ?? checkpoints.blob(digest),
      registry: agents,
      identities,
      heartbeatSeconds: config.gateway.heartbeatSeconds,
      leaseSeconds: config.gateway.leaseSeconds,
      log,
    }),
  );

  const registrar = new NodeRegistrar({
    client,
    node: describe(config, kubelet.port, version),
    agents: () => placement.total(),
    images: () => images.list(),
    signal,
    log,
  });
  const lease = keepLease({ client, nodeName: config.nodeName, nodeUid: () => registrar.uid, signal, log });
  await registrar.ready;
  events.node('Normal', 'Starting', 'Starting wigeon.');
  pods = new PodManager({ context, nodeName: config.nodeName, signal });
  const manager = pods;
  await Promise.race([manager.ready, manager.done]);
  resources.defer(async () => {
    await Promise.allSettled([registrar.done, lease, manager.done]);
  });
  // Runs first when disposing: everything below waits for the signal.
  resources.defer(() => stop.abort(new Error('the node is stopping')));

  const owned = resources.move();
  return {
    name: config.nodeName,
    gatewayPort: gateway.port,
    kubeletPort: kubelet.port,
    agents: () => agents.connected(),
    async untilAgents(condition) {
      while (!condition(agents.connected())) await totalChanged.promise;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function describe(config: NodeConfig, kubeletPort: number, version: string): NodeDescription {
  return {
    name: config.nodeName,
    address: config.address,
    kubeletPort,
    version,
    maxPods: config.maxPods,
    ephemeralStorageBytes: config.ephemeralStorage,
    labels: config.labels,
    taints: config.taints,
    machineId: config.nodeName,
    bootId: randomUUID(),
    declaredFeatures: [],
  };
}
