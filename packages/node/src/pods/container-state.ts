import { type ContainerStatus, metaTime } from '../cluster/index.ts';
import type { RunEnd } from '../gateway/index.ts';

type State = NonNullable<ContainerStatus['state']>;
export type TerminatedState = NonNullable<State['terminated']>;

/** 128 + SIGTERM: what a program without a handler for it leaves. */
const SIGTERM_EXIT = 143;
/** The kubelet's code for a container whose end nobody saw. */
const LOST_EXIT = 137;

/** How a run's end shows in the container status. */
export function terminatedState(
  end: RunEnd,
  startedAt: string | undefined,
  containerID: string,
  now: number,
): TerminatedState {
  const finished = end.phase !== 'exited' ? now : Date.parse(end.finishedAt);
  const times = {
    startedAt: startedAt === undefined ? null : metaTime(Date.parse(startedAt)),
    finishedAt: metaTime(finished),
    containerID,
  };
  if (end.phase !== 'exited') {
    return {
      ...times,
      exitCode: LOST_EXIT,
      reason: 'ContainerStatusUnknown',
      message: end.message,
    } as unknown as TerminatedState;
  }
  const message = end.message === undefined ? {} : { message: end.message };
  switch (end.cause) {
    case 'exit':
      return {
        ...times,
        exitCode: end.exitCode,
        reason: end.exitCode === 0 ? 'Completed' : 'Error',
        ...message,
      } as unknown as TerminatedState;
    case 'trap':
      return { ...times, exitCode: end.exitCode, reason: 'Error', ...message } as unknown as TerminatedState;
    case 'stopped':
      return {
        ...times,
        exitCode: end.exitCode || SIGTERM_EXIT,
        reason: 'Error',
        ...message,
      } as unknown as TerminatedState;
    case 'error':
      // The agent could not start the program at all.
      return {
        ...times,
        exitCode: end.exitCode || 128,
        reason: 'StartError',
        ...message,
      } as unknown as TerminatedState;
  }
}
