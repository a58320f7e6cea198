// What containerd, kubelet and kube-proxy are told, with the reason where it is not what it is everywhere.
import { join } from 'node:path';

/** Address of the worker and of the API server, in a network of their own. */
export const workerAddress = '192.168.90.1';
export const workerName = 'linux';
const podNetwork = '10.88.0.0/24';
const runtimeSocket = '/run/containerd/containerd.sock';

export interface WorkerFiles {
  /** Folder that everything lies in. */
  readonly directory: string;
  /** Name of the cgroup that holds all pods. */
  readonly cgroup: string;
  /** `HOST:PORT` of the registry, plain http. */
  readonly registry: string;
  readonly kubeconfig: string;
  readonly proxyKubeconfig: string;
  readonly serving: { readonly certificate: string; readonly key: string };
  readonly clientCertificateAuthority: string;
}

/** Content by path below the folder. */
export function workerConfiguration(files: WorkerFiles): Record<string, string> {
  const { directory, registry } = files;
  return {
    'containerd.toml': containerdConfiguration(files),
    [`hosts/${registry}/hosts.toml`]: `server = "http://${registry}"\n[host."http://${registry}"]\n`,
    'cni/10-pods.conflist': JSON.stringify({
      cniVersion: '1.0.0',
      name: 'pods',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          // A pod that calls a Service of its own comes back through the same port of the bridge.
          hairpinMode: true,
          ipam: { type: 'host-local', ranges: [[{ subnet: podNetwork }]], routes: [{ dst: '0.0.0.0/0' }] },
        },
        { type: 'portmap', capabilities: { portMappings: true } },
      ],
    }),
    'kubelet.json': JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      containerRuntimeEndpoint: `unix://${runtimeSocket}`,
      tlsCertFile: files.serving.certificate,
      tlsPrivateKeyFile: files.serving.key,
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: files.clientCertificateAuthority },
      },
      authorization: { mode: 'Webhook' },
      // Hosts with cgroup v1, and all pods below one cgroup that can be found and removed by its name.
      failCgroupV1: false,
      cgroupDriver: 'cgroupfs',
      // Without these, kubelet 1.36 crashes on a pod with limits: it looks for a cgroup of the pod to resize.
      cgroupsPerQOS: true,
      cgroupRoot: `/${files.cgroup}`,
      enforceNodeAllocatable: [],
      failSwapOn: false,
      localStorageCapacityIsolation: false,
      // The disk is the machine's: how full it is says nothing about this cluster.
      evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
      imageGCHighThresholdPercent: 100,
      imageGCLowThresholdPercent: 99,
      podLogsDir: join(directory, 'pod-logs'),
      volumePluginDir: join(directory, 'volume-plugins'),
    }),
    'kube-proxy.json': JSON.stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'iptables',
      hostnameOverride: workerName,
      clusterCIDR: podNetwork,
      clientConnection: { kubeconfig: files.proxyKubeconfig },
      // These limits belong to the machine, not to a network namespace.
      conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    }),
  };
}

function containerdConfiguration({ directory, registry }: WorkerFiles): string {
  return `version = 3
root = "${join(directory, 'containerd')}"
state = "/run/containerd"
[grpc]
address = "${runtimeSocket}"
[plugins.'io.containerd.cri.v1.images']
snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "${registry}/pause:1"
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = "${join(directory, 'hosts')}"
[plugins.'io.containerd.cri.v1.runtime']
# Virtual machines may deny negative scores: "can't get final child's PID" of every sandbox.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "${join(directory, 'cni')}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
`;
}
