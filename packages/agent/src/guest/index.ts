export { canShareMemory, createFlow, FlowRelease } from './flow.ts';
export type { GuestExit, GuestReport, GuestStart } from './messages.ts';
