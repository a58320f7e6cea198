// What a Linux image needs so that Node starts in it.
import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { promisify } from 'node:util';
import type { LayerFile } from './layer.ts';

/** The user that the container runs as; the number that images without a distribution have agreed on. */
export const user = { id: 65532, name: 'nonroot' } as const;

/** Node, its shared libraries and their loader, CA certificates, and the few files that libraries look for. */
export async function linuxRuntime(): Promise<LayerFile[]> {
  if (process.platform !== 'linux') throw new Error('the image is made of this machine’s Node: build it on Linux');
  const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
  return [
    { path: '/usr/local/bin/node', content: await readFile(node), mode: 0o755 },
    ...(await Promise.all(
      (
        await sharedLibraries(node)
      ).map(async (path) => ({
        path,
        content: await readFile(await realpath(path)),
        mode: 0o755,
      })),
    )),
    { path: '/etc/ssl/certs/ca-certificates.crt', content: text(`${rootCertificates.join('\n')}\n`) },
    { path: '/etc/passwd', content: text(`root:x:0:0:root:/:/\n${user.name}:x:${user.id}:${user.id}::/:/\n`) },
    { path: '/etc/group', content: text(`root:x:0:\n${user.name}:x:${user.id}:\n`) },
    { path: '/etc/nsswitch.conf', content: text('hosts: files dns\n') },
    { path: '/tmp/', mode: 0o1777 },
  ];
}

/** Paths as the loader finds them: ld.so(8) searches the same folders in the image, which has no cache of them. */
async function sharedLibraries(program: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program]);
  const paths = stdout.split('\n').flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
  if (!paths.some((path) => /\/ld-/.test(path))) throw new Error(`ldd names no loader for ${program}:\n${stdout}`);
  return paths;
}

function text(content: string): Uint8Array {
  return Buffer.from(content);
}
