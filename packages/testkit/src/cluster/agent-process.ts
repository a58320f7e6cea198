import { type ChildProcess, spawn } from 'node:child_process';
import type { TestAgent } from './test-cluster.ts';

const script = new URL('./agent.process.ts', import.meta.url).pathname;

/** An agent in a Node process of its own. Disposing it lets it leave in order. */
export function startAgentProcess(gateway: string, key: string): TestAgent & { readonly process: ChildProcess } {
  const child = spawn(process.execPath, [script, gateway, key], { stdio: ['pipe', 'inherit', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    engine: 'node',
    process: child,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}
