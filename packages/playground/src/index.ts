// A real Kubernetes control plane and image registry on loopback, for users' first minutes and for tests.
export { type KubernetesVersion, kubernetesVersions } from './binaries/kubernetes-release.ts';
export type { KubectlOptions, KubectlProcess, KubectlResult } from './cluster/kubectl.ts';
export { PlaygroundError, type PlaygroundErrorCode } from './error.ts';
export type { NodeCredentials } from './pki/node-credentials.ts';
export { type Playground, type PlaygroundOptions, startPlayground } from './playground.ts';
