export type { ContainerLog } from './container-log.ts';
export { type LogOptions, readLog } from './log-reader.ts';
export { LogStore } from './log-store.ts';
