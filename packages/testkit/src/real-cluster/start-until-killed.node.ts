// For real-cluster.test.ts: starts a cluster, prints where it lies, and does nothing until it is killed.
import { RealCluster } from './real-cluster.ts';

const cluster = await RealCluster.start();
console.log(cluster.directory);
setInterval(() => undefined, 60_000);
