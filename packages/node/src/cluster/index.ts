export { type ApiClient, createApiClient } from './api-client.ts';
export { isApiError } from './api-error.ts';
export { createEventRecorder, type EventRecorder } from './events.ts';
export { keepLease } from './lease.ts';
export { listWatch } from './list-watch.ts';
export type { NodeDescription } from './node-object.ts';
export { NodeRegistrar } from './node-registrar.ts';
export { type ContainerStatus, metaTime, type Pod, type PodStatus } from './objects.ts';
export { deletePod, PodStatusWriter } from './pod-status-writer.ts';
