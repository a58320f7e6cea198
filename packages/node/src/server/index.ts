export { openKubeletServer } from './kubelet-server.ts';
export type { AgentList, CheckpointList, DrainResult } from './operations.ts';
