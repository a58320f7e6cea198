// The certificates of a control plane: who talks to whom, and as which Kubernetes user.
import { join } from 'node:path';
import { type CertificateAuthority, type Credential, createKeyPair } from './certificate-authority.ts';
import { writeSecret } from './secret-file.ts';

/** The user as which the API server calls kubelets; it gets the role system:kubelet-api-admin. */
export const kubeletClientUser = 'kube-apiserver-kubelet-client';

/** The first address of the service range, which is the `kubernetes` service. */
export const kubernetesServiceAddress = '10.0.0.1';

/** Paths of PEM files. */
export interface ClusterFiles {
  readonly certificateAuthority: string;
  readonly certificateAuthorityKey: string;
  readonly apiServer: CredentialFiles;
  readonly kubeletClient: CredentialFiles;
  readonly serviceAccountPublicKey: string;
  readonly serviceAccountPrivateKey: string;
}

export interface CredentialFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface ClusterCertificates {
  readonly files: ClusterFiles;
  readonly admin: Credential;
  readonly controllerManager: Credential;
  readonly scheduler: Credential;
}

/** Signs what the components need and writes the parts that they read from files. */
export async function createClusterCertificates(
  authority: CertificateAuthority,
  directory: string,
): Promise<ClusterCertificates> {
  const [apiServer, kubeletClient, admin, controllerManager, scheduler, serviceAccounts] = await Promise.all([
    authority.server({
      commonName: 'kube-apiserver',
      dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      addresses: ['127.0.0.1', kubernetesServiceAddress],
    }),
    authority.client({ commonName: kubeletClientUser }),
    authority.client({ commonName: 'wigeon-playground-admin', organization: 'system:masters' }),
    authority.client({ commonName: 'system:kube-controller-manager' }),
    authority.client({ commonName: 'system:kube-scheduler' }),
    createKeyPair(),
  ]);
  const files: ClusterFiles = {
    certificateAuthority: join(directory, 'ca.crt'),
    certificateAuthorityKey: join(directory, 'ca.key'),
    apiServer: credentialFiles(directory, 'apiserver'),
    kubeletClient: credentialFiles(directory, 'apiserver-kubelet-client'),
    serviceAccountPublicKey: join(directory, 'sa.pub'),
    serviceAccountPrivateKey: join(directory, 'sa.key'),
  };
  await Promise.all([
    writeSecret(files.certificateAuthority, authority.certificate),
    writeSecret(files.certificateAuthorityKey, authority.key),
    writeCredential(files.apiServer, apiServer),
    writeCredential(files.kubeletClient, kubeletClient),
    writeSecret(files.serviceAccountPublicKey, serviceAccounts.publicKey),
    writeSecret(files.serviceAccountPrivateKey, serviceAccounts.privateKey),
  ]);
  return { files, admin, controllerManager, scheduler };
}

/** Where a credential called `name` lies in a folder. */
export function credentialFiles(directory: string, name: string): CredentialFiles {
  return { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
}

export async function writeCredential(files: CredentialFiles, credential: Credential): Promise<void> {
  await Promise.all([writeSecret(files.certificate, credential.certificate), writeSecret(files.key, credential.key)]);
}
