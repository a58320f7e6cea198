export type { Forward } from './forward.ts';
export { whyNoCluster } from './needs.ts';
export { RealCluster } from './real-cluster.ts';
