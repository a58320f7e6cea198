// What the machine must have: rights, and the programs of a few Debian packages.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';

const needed: Readonly<Record<string, string>> = {
  '/usr/sbin/runc': 'runc',
  '/usr/lib/cni/bridge': 'containernetworking-plugins',
  '/usr/sbin/iptables': 'iptables',
  '/usr/sbin/conntrack': 'conntrack',
  '/usr/sbin/ip': 'iproute2',
};

/** Why a cluster cannot be started by this user on this machine, for the message of a skipped test; undefined if it can. */
export function whyNoCluster(): string | undefined {
  if (process.platform !== 'linux') return 'a real cluster needs Linux';
  return process.getuid?.() === 0 ? undefined : 'a real cluster needs root';
}

/** Installs the missing packages, as root on Debian and its kin. Rejects with what to install by hand elsewhere. */
export async function installNeeds(log: (line: string) => void): Promise<void> {
  const missing: string[] = [];
  for (const [file, name] of Object.entries(needed)) if (!(await isExecutable(file))) missing.push(name);
  if (missing.length === 0) return;
  log(`installing ${missing.join(', ')}`);
  const run = promisify(execFile);
  const environment = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = ['install', '--yes', '--no-install-recommends', ...missing];
  try {
    await run('apt-get', install, environment).catch(async () => {
      // The lists may be missing or old.
      await run('apt-get', ['update'], environment);
      await run('apt-get', install, environment);
    });
  } catch (cause) {
    throw new Error(`a real cluster needs the packages ${missing.join(', ')}, and apt-get could not install them`, {
      cause,
    });
  }
}

function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
