// vitest's `globalSetup` for projects whose tests use a playground: one for the whole run, started at its first use.
// Name it in vitest.config.ts as `@wigeon/testkit/playground/global-setup`.
import { startPlayground } from '@wigeon/playground';
import type { TestProject } from 'vitest/node';
import { servePlayground } from './control-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    wigeonPlaygroundUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await servePlayground(() => startPlayground({ log: (line) => console.error(`playground: ${line}`) }));
  project.provide('wigeonPlaygroundUrl', server.url);
  return async () => {
    await server[Symbol.asyncDispose]();
  };
}
