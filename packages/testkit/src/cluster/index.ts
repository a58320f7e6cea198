export { startAgentProcess } from './agent-process.ts';
export { type TestAgent, TestCluster, type TestClusterOptions } from './test-cluster.ts';
export { type PodEnd, type PodRequest, TestPod } from './test-pod.ts';
