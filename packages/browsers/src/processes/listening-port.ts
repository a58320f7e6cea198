import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * The IPv4 TCP port that process `pid` listens on, read from Linux's /proc; undefined while there is none.
 * Lets a server pick its own free port (port 0) even if it does not print it, so that no two of us race for one.
 */
export function listeningPort(pid: number): number | undefined {
  const sockets = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode) sockets.add(inode);
    }
    for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'latin1').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      // proc_pid_net(5): field 1 is address:port in hexadecimal, field 3 the state (0A: listening), field 9 the inode.
      if (fields[3] === '0A' && sockets.has(fields[9] ?? ''))
        return Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
    }
  } catch {
    // The process is gone or not ours; the caller learns that from its supervisor.
  }
  return undefined;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
