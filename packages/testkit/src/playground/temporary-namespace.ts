import { randomUUID } from 'node:crypto';
import type { KubectlOptions, KubectlProcess, KubectlResult, Playground } from '@wigeon/playground';

/** A namespace of a test's own. Disposing deletes it with all that is in it, pods by force. */
export interface TemporaryNamespace extends AsyncDisposable {
  readonly name: string;
  /** kubectl in this namespace. Rejects with kubectl's own message unless it exits with 0. */
  kubectl(args: readonly string[], options?: KubectlOptions & { input?: string | Uint8Array }): Promise<KubectlResult>;
  kubectlStream(args: readonly string[], options?: KubectlOptions): KubectlProcess;
}

/** Creates a namespace that accepts pods, with a name that begins with `prefix`. */
export async function temporaryNamespace(
  playground: Pick<Playground, 'kubectl' | 'kubectlStream'>,
  prefix = 'test',
): Promise<TemporaryNamespace> {
  const name = `${prefix}-${randomUUID().slice(0, 8)}`;
  const run: TemporaryNamespace['kubectl'] = async (args, options) => {
    const result = await playground.kubectl(args, options);
    if (result.code !== 0)
      throw new Error(`kubectl ${args.join(' ')} exited with ${result.code}: ${result.stderr.trim()}`);
    return result;
  };
  await run(['create', 'namespace', name]);
  // Pods are refused until the controller manager has made the account they run as.
  await run(['wait', '--for=create', 'serviceaccount/default', '--namespace', name, '--timeout=60s']);
  return {
    name,
    kubectl: (args, options) => run(['--namespace', name, ...args], options),
    kubectlStream: (args, options) => playground.kubectlStream(['--namespace', name, ...args], options),
    async [Symbol.asyncDispose]() {
      // A node that is gone by now never confirms the end of its pods.
      const pods = ['delete', 'pods', '--all', '--namespace', name, '--force', '--grace-period=0', '--wait=false'];
      await run([...pods, '--ignore-not-found']);
      await run(['delete', 'namespace', name, '--wait=false']);
    },
  };
}
