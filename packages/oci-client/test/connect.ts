// What the client's tests share: a fault-injecting registry and a client that notes its waits instead of waiting.
import { afterEach } from 'vitest';
import type { Credential } from '../src/auth/credential.ts';
import type { Repository } from '../src/client/repository.ts';
import { withPlainHttp } from '../src/node/push-image.ts';
import { createRegistryClient, type NodeRegistryClientOptions } from '../src/node/registry-client.ts';
import { FakeRegistry } from './fake-registry.ts';

/** Disposed after each test. */
export const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});

export async function start(options: Parameters<typeof FakeRegistry.start>[0] = {}): Promise<FakeRegistry> {
  const registry = await FakeRegistry.start(options);
  open.push(registry);
  return registry;
}

/** A client that notes its waits instead of waiting. */
export function connect(
  registry: FakeRegistry,
  options: NodeRegistryClientOptions & { credential?: Credential; repository?: string; plainHttp?: string[] } = {},
): { repository: Repository; waits: number[]; warnings: string[]; client: ReturnType<typeof createRegistryClient> } {
  const waits: number[] = [];
  const warnings: string[] = [];
  const client = createRegistryClient({
    ...options,
    hosts: withPlainHttp(options.hosts, [registry.host, ...(options.plainHttp ?? [])]),
    sleep: async (milliseconds) => void waits.push(milliseconds),
    onWarning: (text) => warnings.push(text),
    random: () => 1,
    environment: options.environment ?? {},
  });
  open.push(client);
  const reference = { registry: registry.host, repository: options.repository ?? 'team/app' };
  return { repository: client.repository(reference, options.credential), waits, warnings, client };
}

export async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export const isBlob = ({ path }: { path: string }): boolean => path.includes('/blobs/sha');
export const isManifest = ({ path }: { path: string }): boolean => path.includes('/manifests/');
export const basic: Credential = { kind: 'basic', username: 'ann', password: 'p:w' };
