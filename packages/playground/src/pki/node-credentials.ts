// What a kubelet needs to be a node of the playground.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateAuthority } from './certificate-authority.ts';
import { type CredentialFiles, credentialFiles, writeCredential } from './cluster-certificates.ts';
import { kubeconfig } from './kubeconfig.ts';
import { writeSecret } from './secret-file.ts';

export interface NodeCredentials {
  readonly nodeName: string;
  /** Path of a kubeconfig that speaks as `system:node:NAME` of `system:nodes`: Node authorizer, NodeRestriction. */
  readonly kubeconfig: string;
  /** The kubelet port's certificate and key (paths), signed by the playground's CA; the API server verifies it. */
  readonly serving: CredentialFiles;
  /** Path of the CA that signs client certificates; the API server calls the kubelet port with one of them. */
  readonly clientCertificateAuthority: string;
}

export interface NodeCredentialsOptions {
  readonly nodeName: string;
  /** Addresses under which the kubelet port is dialled; default `['127.0.0.1']`. */
  readonly addresses?: readonly string[];
}

/** Signs a node's client and serving certificates and writes them below `directory`. */
export async function createNodeCredentials(
  options: NodeCredentialsOptions,
  cluster: { authority: CertificateAuthority; authorityFile: string; server: string; directory: string },
): Promise<NodeCredentials> {
  const { nodeName, addresses = ['127.0.0.1'] } = options;
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(nodeName)) {
    throw new TypeError(`nodeName: ${JSON.stringify(nodeName)} is not a DNS subdomain, as a Node's name must be`);
  }
  const directory = join(cluster.directory, nodeName);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const user = `system:node:${nodeName}`;
  const subject = { commonName: user, organization: 'system:nodes' };
  const [client, server] = await Promise.all([
    cluster.authority.client(subject),
    cluster.authority.server({ ...subject, dnsNames: [nodeName, 'localhost'], addresses }),
  ]);
  const file = join(directory, 'kubeconfig');
  const serving = credentialFiles(directory, 'kubelet-serving');
  await Promise.all([
    writeCredential(serving, server),
    writeSecret(
      file,
      kubeconfig({
        server: cluster.server,
        certificateAuthority: cluster.authority.certificate,
        user,
        credential: client,
      }),
    ),
  ]);
  return { nodeName, kubeconfig: file, serving, clientCertificateAuthority: cluster.authorityFile };
}
