// The command line of each component, with the reason where a flag is not what it is everywhere.
import { randomUUID } from 'node:crypto';
import type { ClusterFiles } from '../pki/cluster-certificates.ts';

export interface Ports {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly apiServer: number;
  readonly registry: number;
}

export function etcdFlags(ports: Ports, dataDirectory: string): string[] {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    `--data-dir=${dataDirectory}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    // The data goes away with the playground: nobody needs it on the disk.
    '--unsafe-no-fsync',
    '--log-level=error',
  ];
}

export function apiServerFlags(ports: Ports, files: ClusterFiles): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    // Should another playground have taken the port before our etcd did, we must not write into its data.
    `--etcd-prefix=/wigeon/${randomUUID()}`,
    `--secure-port=${ports.apiServer}`,
    '--bind-address=127.0.0.1',
    // Else it looks for a default route, and a machine without a network has none.
    '--advertise-address=127.0.0.1',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${files.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${files.serviceAccountPrivateKey}`,
    `--client-ca-file=${files.certificateAuthority}`,
    `--tls-cert-file=${files.apiServer.certificate}`,
    `--tls-private-key-file=${files.apiServer.key}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    // How it calls kubelets for logs and exec: by address, with its own certificate, and verifying theirs.
    `--kubelet-client-certificate=${files.kubeletClient.certificate}`,
    `--kubelet-client-key=${files.kubeletClient.key}`,
    `--kubelet-certificate-authority=${files.certificateAuthority}`,
    '--kubelet-preferred-address-types=InternalIP,Hostname',
    '--allow-privileged',
    // The endpoints of the `kubernetes` service refuse a loopback address.
    '--endpoint-reconciler-type=none',
    '--profiling=false',
  ];
}

export interface ControllerManagerOptions {
  /** After how many seconds without a lease a node counts as gone; default that of Kubernetes, 50. */
  readonly nodeMonitorGraceSeconds?: number | undefined;
}

export function controllerManagerFlags(
  kubeconfig: string,
  files: ClusterFiles,
  options: ControllerManagerOptions,
): string[] {
  const grace = options.nodeMonitorGraceSeconds;
  return [
    `--kubeconfig=${kubeconfig}`,
    `--service-account-private-key-file=${files.serviceAccountPrivateKey}`,
    `--root-ca-file=${files.certificateAuthority}`,
    `--cluster-signing-cert-file=${files.certificateAuthority}`,
    `--cluster-signing-key-file=${files.certificateAuthorityKey}`,
    '--use-service-account-credentials',
    '--leader-elect=false',
    '--secure-port=0',
    '--profiling=false',
    ...clientRate,
    ...(grace === undefined
      ? []
      : [`--node-monitor-grace-period=${grace}s`, `--node-monitor-period=${Math.max(0.2, Math.min(5, grace / 4))}s`]),
  ];
}

export function schedulerFlags(kubeconfig: string): string[] {
  return [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0', '--profiling=false', ...clientRate];
}

// The defaults (20 and 50 calls a second) are for clusters whose API server has others to serve; here they would be the
// slowest part of a burst of pods.
const clientRate = ['--kube-api-qps=1000', '--kube-api-burst=2000'];
