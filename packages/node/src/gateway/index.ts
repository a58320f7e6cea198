export { AgentRegistry, type ConnectedAgent } from './agent-registry.ts';
export type { AgentSession } from './agent-session.ts';
export type { AssignedRun, RunEnd } from './assignments.ts';
export { type AgentAsset, openGateway } from './gateway.ts';
export { type Identities, openIdentities } from './identity.ts';
