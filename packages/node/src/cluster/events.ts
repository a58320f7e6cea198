import type { Logger } from '../logger.ts';
import type { ApiClient } from './api-client.ts';
import { isApiError } from './api-error.ts';
import { type EventObject, metaTime, type Pod } from './objects.ts';

export interface EventRecorder {
  /** An Event about a pod, or about its container when `container` is given (as `spec.containers{NAME}`). */
  pod(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void;
  /** An Event about the Node object. */
  node(type: 'Normal' | 'Warning', reason: string, message: string): void;
}

type Reference = NonNullable<EventObject['involvedObject']>;

// Same event again within this time: the stored one is counted up instead (client-go's correlator uses ten minutes).
const SAME_EVENT_WINDOW = 10 * 60_000;
const REMEMBERED = 4096;
// Events are worth less than statuses: few at a time, and beyond this many waiting the oldest are dropped.
const CONCURRENCY = 2;
const QUEUE_LIMIT = 5000;
const MESSAGE_LIMIT = 1024;

/** Writes Events in the background, in the kubelet's form; failures are logged and never reach the caller. */
export function createEventRecorder(options: {
  client: ApiClient;
  nodeName: string;
  log: Logger;
  signal: AbortSignal;
}): EventRecorder {
  const { client, nodeName, log, signal } = options;
  const queue: { reference: Reference; type: string; reason: string; message: string; at: number }[] = [];
  const written = new Map<string, { name: string; namespace: string; count: number; at: number }>();
  let running = 0;
  let sequence = 0;

  function enqueue(reference: Reference, type: string, reason: string, message: string): void {
    if (queue.length >= QUEUE_LIMIT) queue.shift();
    queue.push({ reference, type, reason, message: message.slice(0, MESSAGE_LIMIT), at: Date.now() });
    if (running < CONCURRENCY) void drain();
  }

  async function drain(): Promise<void> {
    running++;
    for (let event = queue.shift(); event && !signal.aborted; event = queue.shift()) {
      try {
        await write(event);
      } catch (error) {
        // 404: the namespace went away together with what the event is about.
        if (!signal.aborted && !isApiError(error, 404))
          log.debug({ err: error, reason: event.reason }, 'event not written');
      }
    }
    running--;
  }

  async function write({ reference, type, reason, message, at }: (typeof queue)[number]): Promise<void> {
    const key = [reference.kind, reference.uid, reference.fieldPath, type, reason, message].join('\0');
    const same = written.get(key);
    if (same && at - same.at < SAME_EVENT_WINDOW) {
      same.count++;
      same.at = at;
      await client.request('PATCH', `/api/v1/namespaces/${same.namespace}/events/${same.name}`, {
        patch: 'strategic-merge',
        body: { count: same.count, lastTimestamp: metaTime(at) },
        signal,
      });
      return;
    }
    const namespace = reference.namespace ?? 'default';
    const name = `${reference.name}.${(BigInt(at) * 1_000_000n + BigInt(sequence++ % 1_000_000)).toString(16)}`;
    const event: EventObject = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: reference,
      type,
      reason,
      message,
      source: { component: 'kubelet', host: nodeName },
      reportingComponent: 'kubelet',
      reportingInstance: nodeName,
      count: 1,
      firstTimestamp: metaTime(at),
      lastTimestamp: metaTime(at),
    };
    await client.request('POST', `/api/v1/namespaces/${namespace}/events`, { body: event, signal });
    if (written.size >= REMEMBERED) written.delete(written.keys().next().value as string);
    written.set(key, { name, namespace, count: 1, at });
  }

  return {
    pod(pod, type, reason, message, container) {
      const { name, namespace, uid, resourceVersion } = pod.metadata;
      const reference: Reference = { apiVersion: 'v1', kind: 'Pod', name, namespace, uid };
      if (resourceVersion) reference.resourceVersion = resourceVersion;
      if (container) reference.fieldPath = `spec.containers{${container}}`;
      enqueue(reference, type, reason, message);
    },
    // The kubelet's convention: the uid of a Node event is the node's name; `kubectl describe node` searches for that.
    node: (type, reason, message) => enqueue({ kind: 'Node', name: nodeName, uid: nodeName }, type, reason, message),
  };
}
