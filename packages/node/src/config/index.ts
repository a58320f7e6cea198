export { ConfigError, loadConfig, type NodeConfig, type NodeConfigInput, parseConfig } from './config.ts';
