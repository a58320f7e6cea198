// Kubernetes objects as they travel: JSON, so times are strings. The generated classes would parse them to Date and
// lose the microseconds of a Lease and the unknown fields of newer servers.
import type { CoreV1Event, V1ContainerStatus, V1Lease, V1Node, V1Pod, V1PodStatus } from '@kubernetes/client-node';

type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T]: Wire<T[Key]> }
      : T;

export type Pod = Wire<V1Pod> & { metadata: { name: string; namespace: string; uid: string } };
export type PodStatus = Wire<V1PodStatus>;
export type ContainerStatus = Wire<V1ContainerStatus>;
export type NodeObject = Wire<V1Node>;
export type Lease = Wire<V1Lease>;
export type EventObject = Wire<CoreV1Event>;

/** `2026-11-21T02:16:05Z`: metav1.Time has no fraction of a second. */
export function metaTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** metav1.MicroTime: exactly six fractional digits, or the API server refuses it. */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}
