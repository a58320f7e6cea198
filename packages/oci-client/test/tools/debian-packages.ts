// Programs of Debian that the interoperability tests need.
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Program to package. */
const PACKAGES = {
  'docker-registry': 'docker-registry',
  skopeo: 'skopeo',
  umoci: 'umoci',
  buildah: 'buildah',
  htpasswd: 'apache2-utils',
  openssl: 'openssl',
} as const;

/**
 * Makes sure that programs are installed: as root on Debian installs what is missing, elsewhere fails naming the packages.
 * Several test processes may ask at once.
 */
export async function requirePrograms(...programs: (keyof typeof PACKAGES)[]): Promise<void> {
  const missing: string[] = [];
  for (const program of programs) if (!(await isInstalled(program))) missing.push(PACKAGES[program]);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !(await isInstalled('apt-get'))) {
    throw new Error(
      `this test needs the Debian packages ${missing.join(', ')}; install them: apt-get install ${missing.join(' ')}`,
    );
  }
  const install = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  await run('flock', ['/tmp/wigeon-apt.lock', 'sh', '-c', `${install} || { apt-get update && ${install}; }`], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });
}

async function isInstalled(program: string): Promise<boolean> {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const found = await access(join(directory, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
