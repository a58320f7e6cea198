import type { AgentsTotal } from '../placement/totals.ts';
import { metaTime, type NodeObject } from './objects.ts';

export interface NodeDescription {
  readonly name: string;
  /** Where the API server reaches the kubelet port. */
  readonly address: string;
  readonly kubeletPort: number;
  readonly version: string;
  readonly maxPods: number;
  readonly ephemeralStorageBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly value?: string | undefined; readonly effect: string }[];
  /** Identifies this machine and this run of the process; a changed boot id means "rebooted" to observers. */
  readonly machineId: string;
  readonly bootId: string;
  /** Features that this kubelet serves (KEP-5328), sorted. */
  readonly declaredFeatures: readonly string[];
}

/** Images on this node, largest first, as the scheduler's ImageLocality reads them. */
export type NodeImages = readonly { readonly names: readonly string[]; readonly sizeBytes: number }[];

// The kubelet's: the status must not grow with the store.
const IMAGES = 50;
const NAMES_PER_IMAGE = 5;

// Kubernetes parses the kubelet's version and compares it with its own for skew.
const KUBELET_VERSION = 'v1.36.0';

/** Labels that say what this Node is; `type=virtual-kubelet` is what managed clouds match to keep DaemonSets away. */
export function nodeLabels(node: NodeDescription): Record<string, string> {
  return {
    'kubernetes.io/hostname': node.name,
    'kubernetes.io/os': 'wasi',
    'kubernetes.io/arch': 'wasm32',
    type: 'virtual-kubelet',
    ...node.labels,
  };
}

/** The object to create; the status goes to the subresource. */
export function nodeObject(node: NodeDescription): NodeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node.name, labels: nodeLabels(node) },
    spec:
      node.taints.length > 0
        ? {
            taints: node.taints.map((taint) => ({
              key: taint.key,
              effect: taint.effect,
              ...(taint.value ? { value: taint.value } : {}),
            })),
          }
        : {},
  };
}

/** @param previous conditions as last written, so that `lastTransitionTime` moves only when a status flips */
export function nodeStatus(
  node: NodeDescription,
  agents: AgentsTotal,
  images: NodeImages,
  previous: readonly { type: string; status: string; lastTransitionTime?: string }[],
  now: number,
): NonNullable<NodeObject['status']> {
  const resources = {
    cpu: `${agents.cpuMillis}m`,
    memory: `${Math.floor(agents.memoryBytes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(node.ephemeralStorageBytes / 1024)}Ki`,
    pods: String(node.maxPods),
  };
  const healthy: [type: string, status: string, reason: string, message: string][] = [
    ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'agents have memory for the pods they run'],
    ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'the node has disk for images, logs and checkpoints'],
    ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'agents can start further containers'],
    ['NetworkUnavailable', 'False', 'RouteCreated', 'pods have no network of their own'],
    ['Ready', 'True', 'KubeletReady', 'wigeon is posting ready status'],
    agents.agents > 0
      ? ['AgentsConnected', 'True', 'AgentsConnected', `${agents.agents} agents connected`]
      : [
          'AgentsConnected',
          'False',
          'NoAgents',
          'no agent is connected: open a page that carries the wigeon script, or start `wigeon agent`',
        ],
  ];
  const conditions = healthy.map(([type, status, reason, message]) => {
    const before = previous.find((condition) => condition.type === type);
    const lastTransitionTime =
      before?.status === status && before.lastTransitionTime ? before.lastTransitionTime : metaTime(now);
    return { type, status, reason, message, lastHeartbeatTime: metaTime(now), lastTransitionTime };
  });
  return {
    capacity: resources,
    allocatable: resources,
    conditions,
    // The API server tries Hostname before InternalIP by default and may not resolve our name: publish the address only.
    addresses: [{ type: 'InternalIP', address: node.address }],
    daemonEndpoints: { kubeletEndpoint: { Port: node.kubeletPort } },
    images: images
      .slice(0, IMAGES)
      .map(({ names, sizeBytes }) => ({ names: names.slice(0, NAMES_PER_IMAGE), sizeBytes })),
    nodeInfo: {
      machineID: node.machineId,
      systemUUID: node.machineId,
      bootID: node.bootId,
      kernelVersion: 'wasi-preview1',
      osImage: 'wigeon agents',
      containerRuntimeVersion: `wigeon://${node.version}`,
      kubeletVersion: KUBELET_VERSION,
      kubeProxyVersion: '',
      operatingSystem: 'wasi',
      architecture: 'wasm32',
    },
    ...(node.declaredFeatures.length > 0 ? { declaredFeatures: [...node.declaredFeatures] } : {}),
  } as NonNullable<NodeObject['status']>;
}
