import type { Playground } from '@wigeon/playground';

const TIMEOUT_SECONDS = 120;

/** Runs the hello image with kubectl, as a user would, and returns its log. */
export async function runFirstPod(playground: Playground, image: string, signal: AbortSignal): Promise<string> {
  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await playground.kubectl(args, { signal });
    if (code !== 0) throw new Error(`kubectl ${args[0]} failed: ${stderr.trim() || stdout.toString().trim()}`);
    return stdout.toString();
  };
  await kubectl('run', 'hello', `--image=${image}`, '--restart=Never', '--', 'from', 'wigeon up');
  try {
    await kubectl('wait', 'pod/hello', '--for=jsonpath={.status.phase}=Succeeded', `--timeout=${TIMEOUT_SECONDS}s`);
  } catch (cause) {
    throw new Error(`the first pod did not succeed:\n${await kubectl('describe', 'pod', 'hello')}`, { cause });
  }
  return kubectl('logs', 'hello');
}
