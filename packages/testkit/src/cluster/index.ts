export { type TestAgent, TestCluster, type TestClusterOptions } from './test-cluster.ts';
export type { PodEnd, PodRequest, TestPod } from './test-pod.ts';
