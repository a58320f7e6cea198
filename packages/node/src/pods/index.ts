export type { PodContext } from './context.ts';
export { PodManager } from './pod-manager.ts';
export { RunStore } from './run-store.ts';
