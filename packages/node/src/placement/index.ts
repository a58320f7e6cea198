export { type Candidate, type Demand, Placement, type Slot, type WaitingReason } from './placement.ts';
export { parseQuantity } from './quantity.ts';
export type { AgentsTotal } from './totals.ts';
