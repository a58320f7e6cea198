import { request } from 'node:http';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { KubectlProcess, KubectlResult, Playground } from '@wigeon/playground';
import type { PlaygroundFacts } from './control-server.ts';
import { decodeFrames, FRAME } from './frames.ts';

/** A playground of another process: all of `Playground` but its life. */
export type SharedPlayground = PlaygroundFacts &
  Pick<Playground, 'kubectl' | 'kubectlStream' | 'createNodeCredentials'>;

/** Connects to what `servePlayground` serves, and waits until it has started. */
export async function connectPlayground(url: string): Promise<SharedPlayground> {
  const facts = (await call(url, 'facts')) as PlaygroundFacts;
  const kubectlStream: Playground['kubectlStream'] = (args, options) => remoteKubectl(url, args, options?.signal);
  return {
    ...facts,
    kubectlStream,
    async kubectl(args, { input, signal } = {}): Promise<KubectlResult> {
      const process = kubectlStream(args, signal ? { signal } : {});
      process.stdin.end(input);
      const [stdout, stderr, code] = await Promise.all([buffer(process.stdout), buffer(process.stderr), process.code]);
      return { stdout, stderr: stderr.toString('utf8'), code };
    },
    createNodeCredentials: (options) =>
      call(url, 'node-credentials', options) as ReturnType<Playground['createNodeCredentials']>,
  };
}

// node:http and not fetch: fetch gives up on headers after five minutes, and the first answer may take longer.
function call(url: string, action: string, body?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url + action, { method: 'POST' });
    outgoing.on('error', reject);
    outgoing.on('response', async (response) => {
      try {
        const answer = JSON.parse((await buffer(response)).toString()) as { message?: string };
        if (response.statusCode === 200) resolve(answer);
        else reject(new Error(`the shared playground: ${answer.message}`));
      } catch (error) {
        reject(error);
      }
    });
    outgoing.end(body && JSON.stringify(body));
  });
}

/** kubectl in the process that holds the playground. Killed there, its exit code is 137 as for a kill by SIGKILL here. */
function remoteKubectl(url: string, args: readonly string[], signal?: AbortSignal): KubectlProcess {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = Promise.withResolvers<number>();
  const outgoing = request(`${url}kubectl`, {
    method: 'POST',
    headers: { 'x-arguments': Buffer.from(JSON.stringify(args)).toString('base64') },
  });
  outgoing.flushHeaders();
  let ended = false;
  const end = (exitCode: number): void => {
    ended = true;
    signal?.removeEventListener('abort', kill);
    stdout.end();
    stderr.end();
    code.resolve(exitCode);
  };
  const fail = (error: Error): void => {
    // What comes after the exit code, or after a kill, is only the connection's end; unread output must stay readable.
    if (ended) return;
    stdout.destroy(error);
    stderr.destroy(error);
    code.reject(error);
  };
  const kill = (): void => {
    if (ended) return;
    end(137);
    outgoing.destroy();
  };
  code.promise.catch(() => {});
  outgoing.on('error', fail);
  outgoing.on('response', async (response) => {
    try {
      if (response.statusCode !== 200) throw new Error((await buffer(response)).toString());
      for await (const { kind, bytes } of decodeFrames(response)) {
        if (kind === FRAME.code) end(Number(bytes));
        else (kind === FRAME.stdout ? stdout : stderr).write(bytes);
      }
      fail(new Error('the shared playground ended kubectl without an exit code'));
    } catch (error) {
      fail(error as Error);
    }
  });
  signal?.addEventListener('abort', kill);
  if (signal?.aborted) kill();
  return {
    stdin: outgoing,
    stdout,
    stderr,
    code: code.promise,
    async [Symbol.asyncDispose]() {
      kill();
    },
  };
}
