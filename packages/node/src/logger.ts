import type { Logger as PinoLogger } from 'pino';

/** Where the node's parts write what happens; pino's shape, so that tests can pass a silent one. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error'>;
