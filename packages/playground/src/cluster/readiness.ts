// Waiting for endpoints: asked again and again in short steps, given up only when told to.
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { PlaygroundError } from '../error.ts';
import { kubeletClientUser } from '../pki/cluster-certificates.ts';
import type { ApiClient } from './api-client.ts';

const pollMilliseconds = 25;

/** Resolves when `probe` says true; a probe that rejects counts as "not yet". */
export async function untilTrue(probe: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await probe().catch(() => false))) {
    await delay(pollMilliseconds, undefined, { signal });
  }
}

/** The API server serves, and its own start-up work (the default roles among it) is done. */
export function apiServerReady(api: ApiClient, signal: AbortSignal): Promise<void> {
  return untilTrue(async () => (await api.call('GET', '/readyz')).status === 200, signal);
}

/** Pods are accepted in the default namespace, as the controller-manager has made its ServiceAccount. */
export function defaultNamespaceReady(api: ApiClient, signal: AbortSignal): Promise<void> {
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  return untilTrue(async () => (await api.call('GET', path)).status === 200, signal);
}

/** A plain-http server answers with success. */
export function httpReady(url: string, signal: AbortSignal): Promise<void> {
  return untilTrue(() => answersOk(url), signal);
}

function answersOk(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    get(url, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on('error', () => resolve(false));
  });
}

/** Lets the API server's own identity use kubelets; no default role binding does that. */
export async function bindKubeletApiAdmin(api: ApiClient): Promise<void> {
  const { status, body } = await api.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: kubeletClientUser },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:kubelet-api-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: kubeletClientUser }],
  });
  if (status !== 201) {
    throw new PlaygroundError('api_refused', `ClusterRoleBinding ${kubeletClientUser} was refused: ${status} ${body}`);
  }
}
