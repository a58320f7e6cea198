import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import type { ApiClient } from './api-client.ts';
import { isApiError } from './api-error.ts';
import { type Lease, microTime } from './objects.ts';

// Kubelet values: the lease lasts 40 s and is renewed four times in that time (reference: kubelet nodelease).
const DURATION_SECONDS = 40;
const RENEW_INTERVAL = 10_000;
const RETRY_INTERVAL = 1_000;
const PATH = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

/** Keeps the Node's heartbeat lease until `signal` is aborted. A failed renewal is tried again every second. */
export async function keepLease(options: {
  client: ApiClient;
  nodeName: string;
  nodeUid: () => string | undefined;
  signal: AbortSignal;
  log: Logger;
}): Promise<void> {
  const { client, nodeName, signal, log } = options;
  let known: Lease | undefined;
  while (!signal.aborted) {
    const startedAt = performance.now();
    let wait = RENEW_INTERVAL;
    try {
      known = await renew(known);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, 'node lease not renewed, trying again');
      known = undefined;
      wait = RETRY_INTERVAL;
    }
    await delay(Math.max(0, wait - (performance.now() - startedAt)), undefined, { signal }).catch(() => undefined);
  }

  async function renew(previous: Lease | undefined): Promise<Lease> {
    const request = { signal, timeout: RENEW_INTERVAL };
    const base = previous ?? (await read(request));
    const uid = options.nodeUid();
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...base?.metadata,
        name: nodeName,
        namespace: 'kube-node-lease',
        ...(uid ? { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] } : {}),
      },
      spec: {
        ...base?.spec,
        holderIdentity: nodeName,
        leaseDurationSeconds: DURATION_SECONDS,
        renewTime: microTime(Date.now()),
      },
    };
    return base
      ? client.request<Lease>('PUT', `${PATH}/${nodeName}`, { ...request, body: lease })
      : client.request<Lease>('POST', PATH, { ...request, body: lease });
  }

  async function read(request: { signal: AbortSignal; timeout: number }): Promise<Lease | undefined> {
    try {
      return await client.request<Lease>('GET', `${PATH}/${nodeName}`, request);
    } catch (error) {
      if (isApiError(error, 404)) return undefined;
      throw error;
    }
  }
}
