import { type ContainerStatus, metaTime, type Pod, type PodStatus } from '../cluster/index.ts';
import type { Rejection } from './admission.ts';
import type { RestartPolicy } from './restarts.ts';
import { shouldRestart } from './restarts.ts';

type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';
type Condition = NonNullable<PodStatus['conditions']>[number];

export interface PodView {
  readonly pod: Pod;
  readonly containers: readonly ContainerStatus[];
  readonly rejection: Rejection | undefined;
  /** The pod is being ended: nothing starts any more. */
  readonly terminating: boolean;
  readonly hostIP: string;
  /** Conditions as last known, so that their transition times move only when they flip. */
  readonly previous: PodStatus['conditions'];
  /** When this node accepted the pod, metav1.Time. */
  readonly startTime: string;
  readonly now: number;
}

/** The kubelet's phase rules (pkg/kubelet getPhase), for pods without init containers. */
export function podPhase(policy: RestartPolicy, containers: readonly ContainerStatus[], terminating: boolean): Phase {
  const ended = containers.filter(({ state }) => state?.terminated);
  const waitingAgain = containers.filter(({ state, lastState }) => state?.waiting && lastState?.terminated);
  if (terminating && containers.every(({ state }) => !state?.running)) {
    // What never ran did not succeed.
    return containers.every(({ state }) => state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed';
  }
  if (ended.length + waitingAgain.length + containers.filter(({ state }) => state?.running).length < containers.length)
    return 'Pending';
  if (ended.length < containers.length) return 'Running';
  if (ended.some(({ state }) => shouldRestart(policy, state?.terminated?.exitCode ?? 0))) return 'Running';
  return ended.every(({ state }) => state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed';
}

/** The whole status to write. */
export function podStatus(view: PodView): PodStatus {
  const { pod, containers, rejection, terminating, now } = view;
  const policy = (pod.spec?.restartPolicy ?? 'Always') as RestartPolicy;
  const phase = rejection ? 'Failed' : podPhase(policy, containers, terminating);
  const generation = pod.metadata.generation;
  const unready = containers.filter(({ ready }) => !ready).map(({ name }) => name);
  const over = phase === 'Succeeded' || phase === 'Failed';
  const notReady: Partial<Condition> = over
    ? { status: 'False', reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : unready.length > 0 || containers.length === 0
      ? {
          status: 'False',
          reason: 'ContainersNotReady',
          message: `containers with unready status: [${unready.join(' ')}]`,
        }
      : { status: 'True' };
  const conditions = [
    condition('PodReadyToStartContainers', { status: rejection || over ? 'False' : 'True' }),
    condition('Initialized', { status: 'True', ...(phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}) }),
    condition('ContainersReady', notReady),
    condition('Ready', notReady),
    condition('PodScheduled', { status: 'True' }),
  ];
  return {
    phase,
    // Cleared explicitly: a strategic merge keeps what is not mentioned.
    ...(rejection ? { reason: rejection.reason, message: rejection.message } : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    hostIP: view.hostIP,
    hostIPs: [{ ip: view.hostIP }],
    startTime: view.startTime as never,
    conditions,
    containerStatuses: [...containers],
  } as PodStatus;

  function condition(type: string, values: Partial<Condition>): Condition {
    const before = view.previous?.find((known) => known.type === type);
    const lastTransitionTime =
      before?.status === values.status && before?.lastTransitionTime ? before.lastTransitionTime : metaTime(now);
    return {
      type,
      ...values,
      lastProbeTime: null,
      lastTransitionTime,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    } as unknown as Condition;
  }
}
