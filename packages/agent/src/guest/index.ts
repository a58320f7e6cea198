export { canShareMemory, createFlow, FlowRelease } from './flow.ts';
export type { GuestCheckpoint, GuestCommand, GuestExit, GuestReport, GuestStart } from './messages.ts';
