// Finds and kills everything a command started. A process group alone is not enough: browsers start helpers in groups
// and sessions of their own, and those outlive their parent.
import { readdirSync, readFileSync } from 'node:fs';

/** Environment variable that marks the processes of one supervised command; its value is unique to the command. */
export const MARK = 'WIGEON_SUPERVISED';

/** Process ids of the command that are alive: its group, its descendants, and whoever inherited its mark. */
export function processesOf(root: number, mark: string): number[] {
  const found = new Set<number>();
  const children = new Map<number, number[]>();
  const alive = new Set<number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = statOf(pid);
    // A zombie is dead: it only waits for its parent to look.
    if (!stat || stat.state === 'Z' || stat.state === 'X') continue;
    alive.add(pid);
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid]);
    if (pid === root || stat.group === root || environmentOf(pid).includes(`${MARK}=${mark}\0`)) found.add(pid);
  }
  const queue = [...found];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    for (const child of children.get(pid) ?? []) {
      if (!found.has(child)) queue.push(child);
      found.add(child);
    }
  }
  found.delete(process.pid);
  return [...found].filter((pid) => alive.has(pid));
}

/** Sends SIGKILL until no process of the command is left. Returns how many processes it killed. */
export async function killTree(root: number, mark: string): Promise<number> {
  const killed = new Set<number>();
  if (process.platform !== 'linux') {
    signal(-root);
    return 1;
  }
  for (let rest = processesOf(root, mark); rest.length > 0; rest = processesOf(root, mark)) {
    for (const pid of rest) {
      signal(pid);
      killed.add(pid);
    }
    // The kernel tears a large address space down in its own time; there is no event for processes not our children.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return killed.size;
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone between the look and the kill, which is what we want.
  }
}

function statOf(pid: number): { state: string; parent: number; group: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, field 2, may hold spaces and parentheses: the fields after it start behind the last parenthesis (proc(5)).
    const [state, parent, group] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: state ?? '', parent: Number(parent), group: Number(group) };
  } catch {
    return undefined;
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}
