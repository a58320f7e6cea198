import type { Pod } from '../cluster/index.ts';

/** Why a pod cannot run here; becomes `status.reason` and `status.message` of a Failed pod. */
export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

/** Volumes that the API server adds to nearly every pod; without a token they would only be missed, not needed. */
const isApiAccess = (name: string): boolean => name.startsWith('kube-api-access-');

/** Refuses what this node cannot do, by name, instead of running a pod that lacks something it asked for. */
export function admit(pod: Pod): Rejection | undefined {
  const spec = pod.spec;
  if (!spec) return { reason: 'InvalidPod', message: 'Pod was rejected: it has no spec' };
  const problems: string[] = [];
  if (spec.containers.length !== 1) problems.push(`${spec.containers.length} containers (this node runs pods of one)`);
  if (spec.initContainers?.length) problems.push('initContainers');
  for (const { name } of spec.volumes ?? []) if (!isApiAccess(name)) problems.push(`volume "${name}"`);
  if (spec.hostNetwork) problems.push('hostNetwork');
  if (spec.hostPID) problems.push('hostPID');
  if (spec.hostIPC) problems.push('hostIPC');
  for (const container of spec.containers) {
    if (container.securityContext?.privileged) problems.push(`privileged container "${container.name}"`);
    if (container.livenessProbe || container.readinessProbe || container.startupProbe)
      problems.push(`probes of container "${container.name}"`);
    if (container.lifecycle) problems.push(`lifecycle hooks of container "${container.name}"`);
  }
  if (problems.length === 0) return undefined;
  return {
    reason: 'UnsupportedPodSpec',
    message: `Pod was rejected: not supported by this node: ${problems.join(', ')}`,
  };
}
