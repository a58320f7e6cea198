import { type BrowserName, browserNames } from '@wigeon/browsers';

/** Where code can run that must run everywhere. */
export type EngineName = 'node' | BrowserName;

/** All engines, for `describe.each(engines)`. */
export const engines: readonly EngineName[] = ['node', ...browserNames];
