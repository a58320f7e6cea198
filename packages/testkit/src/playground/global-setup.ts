// vitest's `globalSetup` for projects whose tests use a playground: one for the whole run, started at its first use.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    wigeonPlaygroundUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const host = spawn(process.execPath, [join(import.meta.dirname, 'playground-host.node.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(host, 'close');
  const failed = ended.then(([code]) => {
    throw new Error(`the playground's process ended with ${code}`);
  });
  const [url] = (await Promise.race([once(createInterface({ input: host.stdout }), 'line'), failed])) as [string];
  failed.catch(() => {});
  project.provide('wigeonPlaygroundUrl', url);
  return async () => {
    host.stdin.end();
    await ended;
  };
}
