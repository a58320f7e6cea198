// The first process in the namespaces of a real cluster: starts all of it, says how to reach it, ends with its stdin.
//
//   node cluster-host.node.ts '{"directory": …, "containerd": …, "worker": …}'
//
// It runs in a network, mount and pid namespace of its own (namespaces.ts), whose end is the end of everything in it:
// processes, mounts, interfaces, iptables rules. Nothing has to be taken down one by one, and nothing can be forgotten.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Dirent } from 'node:fs';
import { access, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { imageFromModule, pushImage } from '@wigeon/oci-client';
import { type Playground, startPlayground } from '@wigeon/playground';
import { workerAddress, workerConfiguration, workerName } from './worker-configuration.ts';

/** What the host is told. */
export interface HostInput {
  readonly directory: string;
  readonly cgroup: string;
  /** Folders with programs. */
  readonly containerd: string;
  readonly worker: string;
}

/** The line that it prints when all is ready. */
export interface HostReady {
  readonly kubeconfig: string;
  /** `https://127.0.0.1:PORT`, inside. */
  readonly server: string;
  /** `HOST:PORT` of the registry, as pods and containerd name it. */
  readonly registry: string;
}

const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const run = promisify(execFile);

const input = JSON.parse(process.argv[2]!) as HostInput;
process.stdin.on('end', () => process.exit(0)).resume();
await ownFolders();
await ownCgroup();
await ownNetwork();
const playground = await startControlPlane();
await forwardConnections();
await startWorker(playground);
const port = playground.registry.split(':')[1];
const ready: HostReady = {
  kubeconfig: playground.kubeconfig,
  server: playground.server,
  registry: `${workerAddress}:${port}`,
};
console.log(JSON.stringify(ready));
playground.done.catch((error: unknown) => fail(error));

/** What programs keep under fixed names goes into memory, and away with the mount namespace. */
async function ownFolders(): Promise<void> {
  for (const path of ['/run', '/var/log', '/var/lib']) await run('mount', ['-t', 'tmpfs', 'wigeon', path]);
}

/** kubelet wants its root cgroup to exist, in the tree of each controller where there are several (version 1). */
async function ownCgroup(): Promise<void> {
  const root = '/sys/fs/cgroup';
  const single = await exists(join(root, 'cgroup.controllers'));
  const trees = single ? ['.'] : (await readdir(root, { withFileTypes: true })).flatMap(folderName);
  for (const tree of trees) await mkdir(join(root, tree, input.cgroup), { recursive: true });
}

function folderName(entry: Dirent): string[] {
  return entry.isDirectory() ? [entry.name] : [];
}

async function ownNetwork(): Promise<void> {
  // Small machines have no `dummy` device: one end of a pair serves as well. kubelet refuses a loopback address.
  for (const command of [
    'link set lo up',
    'link add wigeon0 type veth peer name wigeon1',
    `address add ${workerAddress}/24 dev wigeon0`,
    'link set wigeon0 up',
    'link set wigeon1 up',
    'route add default dev wigeon0',
  ])
    await run('ip', command.split(' '));
}

function startControlPlane(): Promise<Playground> {
  return startPlayground({
    directory: input.directory,
    nodeName: workerName,
    log: (line) => console.error(line),
    flags: {
      'kube-apiserver': [
        '--bind-address=0.0.0.0',
        `--advertise-address=${workerAddress}`,
        // Here the `kubernetes` Service has an endpoint that pods can reach.
        '--endpoint-reconciler-type=lease',
        // As in clusters made by kubeadm: serving certificates of kubelets are not verified, as they sign them themselves.
        '--kubelet-certificate-authority=',
      ],
    },
  });
}

async function startWorker({ registry, ...control }: Playground): Promise<void> {
  const { directory } = input;
  const registryPort = Number(registry.split(':')[1]);
  // The registry listens on loopback, which in a pod is the pod's own.
  await listen(
    createServer((socket) => connectBoth(socket, connect(registryPort, '127.0.0.1'))),
    registryPort,
    workerAddress,
  );
  const pause = {
    ...imageFromModule(EMPTY_MODULE, { path: '/pause', entrypoint: ['/pause'], platform: 'linux/amd64' }),
    module: await readFile(join(input.containerd, 'pause')),
  };
  await pushImage(pause, `${registry}/pause:1`, { plainHttp: [registry] });
  const node = await control.createNodeCredentials({ nodeName: workerName, addresses: [workerAddress] });
  const files = workerConfiguration({
    directory,
    cgroup: input.cgroup,
    registry: `${workerAddress}:${registryPort}`,
    kubeconfig: node.kubeconfig,
    proxyKubeconfig: control.kubeconfig,
    serving: node.serving,
    clientCertificateAuthority: node.clientCertificateAuthority,
  });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  await start('containerd', join(input.containerd, 'containerd'), ['--config', join(directory, 'containerd.toml')]);
  await untilExists('/run/containerd/containerd.sock');
  await start('kubelet', join(input.worker, 'kubelet'), [
    `--config=${join(directory, 'kubelet.json')}`,
    `--kubeconfig=${node.kubeconfig}`,
    `--node-ip=${workerAddress}`,
    `--hostname-override=${workerName}`,
    `--root-dir=${join(directory, 'kubelet')}`,
  ]);
  await start('kube-proxy', join(input.worker, 'kube-proxy'), [`--config=${join(directory, 'kube-proxy.json')}`]);
  const wait = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await control.kubectl(['wait', ...args]);
    if (code !== 0) throw new Error(`kubectl wait ${args.join(' ')}: ${stderr}`);
  };
  await wait(`node/${workerName}`, '--for=create', '--timeout=60s');
  await wait(`node/${workerName}`, '--for=condition=Ready', '--timeout=90s');
}

async function start(name: string, command: string, args: readonly string[]): Promise<void> {
  const file = join(input.directory, `${name}.log`);
  await using log = await open(file, 'a');
  const child = spawn(command, args, {
    stdio: ['ignore', log.fd, log.fd],
    // containerd finds its shim there, and kubelet mount and iptables.
    env: { ...process.env, PATH: `${input.containerd}:/usr/local/sbin:/usr/sbin:/sbin:${process.env.PATH}` },
  });
  await once(child, 'spawn');
  child.on('exit', async (code, signal) => {
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    fail(new Error(`${name} ended by itself (${signal ?? code}):\n${lines.slice(-20).join('\n')}`));
  });
}

async function untilExists(file: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await exists(file)) return;
    await delay(50);
  }
  throw new Error(`${file} did not appear within 30 s`);
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** A way in: a connection to the socket says `HOST PORT` in a line, and is joined with one to there. */
async function forwardConnections(): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    let line = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      line = Buffer.concat([line, chunk]);
      const end = line.indexOf('\n');
      if (end < 0) return;
      socket.off('data', read).pause();
      const [host, target] = line.subarray(0, end).toString().split(' ');
      const rest = line.subarray(end + 1);
      if (rest.length > 0) socket.unshift(rest);
      connectBoth(socket, connect(Number(target), host!));
    };
    socket.on('data', read);
  });
  await listen(server, join(input.directory, 'forward.sock'));
}

function connectBoth(one: Socket, other: Socket): void {
  one.pipe(other);
  other.pipe(one);
  one.on('error', () => other.destroy()).on('close', () => other.destroy());
  other.on('error', () => one.destroy()).on('close', () => one.destroy());
}

async function listen(server: Server, ...where: [string] | [number, string]): Promise<void> {
  if (typeof where[0] === 'number') server.listen(where[0], where[1]);
  else server.listen(where[0]);
  await once(server, 'listening');
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
