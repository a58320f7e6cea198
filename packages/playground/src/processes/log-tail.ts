import { open } from 'node:fs/promises';

const tailBytes = 8 * 1024;
const tailLines = 20;

/** The last lines of a log file, or a note that there is nothing. */
export async function readTail(file: string): Promise<string> {
  await using handle = await open(file, 'r');
  const { size } = await handle.stat();
  const { buffer, bytesRead } = await handle.read({
    buffer: Buffer.alloc(Math.min(size, tailBytes)),
    position: Math.max(0, size - tailBytes),
  });
  const lines = buffer.subarray(0, bytesRead).toString('utf8').trimEnd().split('\n');
  return lines.slice(-tailLines).join('\n') || '(it printed nothing)';
}
