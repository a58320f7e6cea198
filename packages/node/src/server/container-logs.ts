import { Readable } from 'node:stream';
import type { ContainerStatus, Pod } from '../cluster/index.ts';
import { type LogOptions, type LogStore, readLog } from '../logs/index.ts';

/** An answer other than the log itself; its text reaches the user through `kubectl logs`. */
class LogRefusal extends Error {
  override readonly name = 'LogRefusal';
  readonly status: 400 | 404 | 422;

  constructor(status: 400 | 404 | 422, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ContainerLogsOptions {
  readonly findPod: (namespace: string, name: string) => Pod | undefined;
  readonly logs: LogStore;
}

/** `GET /containerLogs/{namespace}/{pod}/{container}`, with the kubelet's query parameters and answers. */
export async function containerLogs(
  target: { namespace: string; pod: string; container: string },
  query: URLSearchParams,
  signal: AbortSignal,
  { findPod, logs }: ContainerLogsOptions,
): Promise<Response> {
  try {
    const options = logOptions(query);
    const pod = findPod(target.namespace, target.pod);
    if (!pod) throw new LogRefusal(404, `pod "${target.pod}" not found in namespace "${target.namespace}"`);
    if (!pod.spec?.containers.some(({ name }) => name === target.container)) {
      throw new LogRefusal(404, `container "${target.container}" not found in pod "${target.pod}"`);
    }
    const status = pod.status?.containerStatuses?.find(({ name }) => name === target.container);
    const restart = instance(target, status, query.get('previous') === 'true');
    const log = await logs.open({
      namespace: target.namespace,
      pod: target.pod,
      uid: pod.metadata.uid,
      container: target.container,
      restart,
    });
    return new Response(
      Readable.toWeb(Readable.from(readLog(log, options, signal), { objectMode: false })) as ReadableStream<Uint8Array>,
      {
        headers: { 'content-type': 'text/plain' },
      },
    );
  } catch (error) {
    if (error instanceof LogRefusal) return new Response(`${error.message}\n`, { status: error.status });
    throw error;
  }
}

/** Which run of the container is meant, by its restart count. */
function instance(
  target: { pod: string; container: string },
  status: ContainerStatus | undefined,
  previous: boolean,
): number {
  const restarts = status?.restartCount ?? 0;
  if (previous) {
    if (!status?.lastState?.terminated)
      throw new LogRefusal(400, `previous terminated container "${target.container}" in pod "${target.pod}" not found`);
    // While it waits for its next start, the count has not moved yet.
    return status.state?.waiting && restarts === 0 ? 0 : Math.max(0, restarts - 1);
  }
  if (!status?.state || (status.state.waiting && !status.lastState?.terminated)) {
    const reason = status?.state?.waiting?.reason ?? 'ContainerCreating';
    throw new LogRefusal(400, `container "${target.container}" in pod "${target.pod}" is waiting to start: ${reason}`);
  }
  return restarts;
}

function logOptions(query: URLSearchParams): LogOptions {
  const sinceSeconds = count(query, 'sinceSeconds');
  const sinceText = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceText !== null)
    throw new LogRefusal(422, 'at most one of sinceSeconds and sinceTime may be given');
  const sinceTime = sinceText === null ? undefined : Date.parse(sinceText);
  if (Number.isNaN(sinceTime)) throw new LogRefusal(422, `sinceTime "${sinceText}" is not an RFC 3339 time`);
  return {
    follow: flag(query, 'follow'),
    timestamps: flag(query, 'timestamps'),
    tailLines: query.get('tail') === 'all' ? undefined : count(query, 'tailLines'),
    sinceTime: sinceSeconds === undefined ? sinceTime : Date.now() - sinceSeconds * 1000,
    limitBytes: count(query, 'limitBytes'),
  };
}

function flag(query: URLSearchParams, name: string): boolean {
  return /^(1|t|true)$/i.test(query.get(name) ?? '');
}

function count(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new LogRefusal(422, `${name} "${text}" is not a whole number of 0 or more`);
  return Number(text);
}
