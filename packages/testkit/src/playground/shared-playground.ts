import { inject } from 'vitest';
import { connectPlayground, type SharedPlayground } from './control-client.ts';
import type {} from './global-setup.ts';

let shared: Promise<SharedPlayground> | undefined;

/** The playground of this vitest run. The first call of a run starts it. Throws where the project lacks the set-up. */
export function sharedPlayground(): Promise<SharedPlayground> {
  return (shared ??= connect());
}

async function connect(): Promise<SharedPlayground> {
  const url = inject('wigeonPlaygroundUrl');
  if (!url)
    throw new Error(
      'this vitest project has no playground: add @wigeon/testkit/playground/global-setup to globalSetup',
    );
  return connectPlayground(url);
}
