export { type ApiClient, createApiClient, isApiError, listWatch, type Pod } from './cluster/index.ts';
export { ConfigError, loadConfig, type NodeConfig, type NodeConfigInput, parseConfig } from './config/index.ts';
export type { AgentAsset, ConnectedAgent } from './gateway/index.ts';
export type { Logger } from './logger.ts';
export { type NodeOptions, startNode, type WigeonNode } from './node.ts';
export type { AgentList, CheckpointList, DrainResult } from './server/index.ts';
