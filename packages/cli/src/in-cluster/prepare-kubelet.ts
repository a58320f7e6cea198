import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ApiClient, createApiClient, type NodeConfig } from '@wigeon/node';
import { selfSignedServingCertificate } from './serving-certificate.ts';

// The API server publishes there with which CA it verifies client certificates, and its own is one of them.
const PUBLISHED = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';

/**
 * Writes the files of a configuration's kubelet port: a certificate signed by itself, and the cluster's client CA.
 * The paths are those that the configuration names; what lies there is replaced.
 */
export async function prepareKubelet(config: NodeConfig): Promise<void> {
  await using client = createApiClient(config.kubeconfig);
  const { certFile, keyFile, clientCAFile } = config.kubelet;
  const [authority, serving] = await Promise.all([
    publishedClientAuthority(client),
    selfSignedServingCertificate(config.nodeName, config.address),
  ]);
  for (const file of [certFile, keyFile, clientCAFile]) await mkdir(dirname(file), { recursive: true });
  await Promise.all([
    writeFile(certFile, serving.certificate),
    writeFile(keyFile, serving.key, { mode: 0o600 }),
    writeFile(clientCAFile, authority),
  ]);
}

async function publishedClientAuthority(client: ApiClient): Promise<string> {
  const { data } = await client.request<{ data?: Record<string, string> }>('GET', PUBLISHED);
  const authority = data?.['client-ca-file'];
  if (!authority) {
    throw new Error(
      'the cluster publishes no client-ca-file in kube-system/extension-apiserver-authentication: its API server was ' +
        'started without --client-ca-file, so give the CA that signs its kubelet client certificate in kubelet.clientCAFile',
    );
  }
  return authority;
}
