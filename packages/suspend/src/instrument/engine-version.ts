import { layoutVersion } from './layout.ts';

/** Names what instrumented modules of this build look like: caches of them are kept apart by it. */
export const engineVersion: string = `suspend-${layoutVersion}`;
