import { type ApiClient, createApiClient } from '@wigeon/node';
import { Command } from 'commander';

/** Options of every command that talks to a node of a cluster. */
export interface OperatorOptions {
  readonly kubeconfig?: string;
  readonly node: string;
  readonly output?: 'json';
}

/** Adds them to a command. */
export function operatorCommand(name: string): Command {
  return new Command(name)
    .option('--kubeconfig <file>', 'kubeconfig of the cluster (default: $KUBECONFIG)')
    .option('--node <name>', 'name of the Node', 'wigeon')
    .option('-o, --output <format>', 'json');
}

interface NodeObject {
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly daemonEndpoints?: { readonly kubeletEndpoint?: { readonly Port?: number } };
  };
}

/**
 * Asks a node's kubelet port with the credentials of the kubeconfig: through the API server, or directly where the node
 * is on loopback, to which the API server does not forward.
 */
export async function askNode<T>(options: OperatorOptions, method: 'GET' | 'POST', path: string): Promise<T> {
  const kubeconfig = options.kubeconfig ?? process.env.KUBECONFIG;
  if (!kubeconfig) throw new Error('no cluster: give --kubeconfig FILE or set KUBECONFIG');
  await using cluster: ApiClient = createApiClient(kubeconfig);
  const node = await cluster.request<NodeObject>('GET', `/api/v1/nodes/${options.node}`);
  const address = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  if (address === undefined) throw new Error(`node ${options.node} has no address`);
  // A drain waits for what moves.
  const request = { timeout: 300_000 };
  if (!address.startsWith('127.'))
    return await cluster.request<T>(method, `/api/v1/nodes/${options.node}/proxy${path}`, request);
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250;
  await using direct = createApiClient(kubeconfig, `https://${address}:${port}`);
  return await direct.request<T>(method, path, request);
}

/** A table for people; columns as wide as their longest cell. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    );
}

/** `1.5Gi`, `64Mi`, `300Ki`. */
export function showBytes(bytes: number): string {
  const units = ['', 'Ki', 'Mi', 'Gi', 'Ti'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))}${units[unit]}`;
}
