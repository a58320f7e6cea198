// The two commands of the README, as a person types them.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';

const main = join(import.meta.dirname, '..', 'packages', 'cli', 'src', 'main.ts');

function up(...args: string[]): ChildProcess {
  return spawn(process.execPath, [main, 'up', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

const exit = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.once('exit', resolve));

describe('wigeon up', () => {
  it('--once runs a first pod, prints its own output, and exits with 0', async () => {
    const child = up('--once');
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
    });
    expect(await exit(child)).toBe(0);
    expect(output).toContain('Hello from WebAssembly');
    expect(output).toContain('argument: wigeon up');
    expect(output).toContain('KUBECONFIG=');
  });

  it('-o json prints one line when all is ready, and Ctrl-C ends everything', async () => {
    const child = up('-o', 'json', '--browser', 'none', '--agents', '2');
    const line = await new Promise<string>((resolve) =>
      createInterface({ input: child.stdout! }).once('line', resolve),
    );
    const ready = JSON.parse(line) as Record<string, string>;
    expect(Object.keys(ready)).toEqual(['kubeconfig', 'registry', 'gateway', 'page', 'key', 'node', 'kubernetes']);
    expect((await fetch(`${ready.gateway}/healthz`)).status).toBe(200);
    const page = await (await fetch(String(ready.page))).text();
    expect(page).toContain(`data-key="${ready.key}"`);
    child.kill('SIGINT');
    expect(await exit(child)).toBe(0);
    await expect(fetch(`${ready.gateway}/healthz`)).rejects.toThrow();
  });
});
