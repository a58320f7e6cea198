import { setTimeout as delay } from 'node:timers/promises';
import { type ApiClient, createApiClient, isApiError } from '@wigeon/node';

export interface RemoveNodeOptions {
  readonly nodeName: string;
  /** Namespace and name of the StatefulSet that runs the node. */
  readonly namespace: string;
  readonly statefulSet: string;
  readonly kubeconfig: string | undefined;
  readonly signal: AbortSignal;
}

// The pod's own grace period ends before this is over.
const WAIT_MILLISECONDS = 120_000;
const LOOK_MILLISECONDS = 250;

/**
 * Stops the node's process, then deletes its Node object: in the other order the process would register it again.
 * Its lease goes with it, as the Node owns it. What is gone already is no error.
 */
export async function removeNode(options: RemoveNodeOptions): Promise<void> {
  const { nodeName, namespace, statefulSet, signal } = options;
  await using client = createApiClient(options.kubeconfig);
  const path = `/apis/apps/v1/namespaces/${namespace}/statefulsets/${statefulSet}`;
  await unlessGone(client.request('PATCH', path, { patch: 'merge', body: { spec: { replicas: 0 } }, signal }));
  await untilGone(client, `/api/v1/namespaces/${namespace}/pods/${statefulSet}-0`, signal);
  await unlessGone(client.request('DELETE', `/api/v1/nodes/${nodeName}`, { signal }));
}

async function untilGone(client: ApiClient, path: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + WAIT_MILLISECONDS;
  while (await unlessGone(client.request('GET', path, { signal }))) {
    if (performance.now() > deadline) throw new Error(`${path} is still there after ${WAIT_MILLISECONDS / 1000} s`);
    await delay(LOOK_MILLISECONDS, undefined, { signal });
  }
}

/** Whether the object was there. */
async function unlessGone(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return true;
  } catch (error) {
    if (isApiError(error, 404)) return false;
    throw error;
  }
}
