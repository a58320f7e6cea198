// Further Go programs, built from modules below kube/ and kept in the same cache as the control plane.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, buildOnce } from './build.ts';
import { cacheDirectory, type GoFlags, goFlags } from './build-key.ts';
import { kubernetesRelease, sourceDirectory } from './kubernetes-release.ts';

/** A set of programs that come from one Go module. */
interface GoModule {
  /** Import paths of the programs; what they are called in the folder is the last part. */
  readonly packages: readonly string[];
  /** Files beside go.mod and go.sum that the result depends on. */
  readonly sources?: readonly string[];
  /** How long it takes without a cache, on two cores. */
  readonly duration: string;
  readonly flags: () => Promise<GoFlags>;
}

export type GoModuleName = 'worker' | 'containerd' | 'helm';

const plain = (tags: string): GoFlags => ({
  args: ['-trimpath', '-buildvcs=false', ...(tags ? ['-tags', tags] : []), '-ldflags', '-s -w'],
  environment: { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '' },
});

const modules: Readonly<Record<GoModuleName, GoModule>> = {
  /** kubelet and kube-proxy of the default release. */
  worker: {
    packages: ['k8s.io/kubernetes/cmd/kubelet', 'k8s.io/kubernetes/cmd/kube-proxy'],
    duration: 'a minute after the control plane, else five',
    flags: async () => {
      const { args, environment } = goFlags(await kubernetesRelease('1.36'));
      return { args: args.filter((arg) => !arg.startsWith('-modfile=')), environment };
    },
  },
  containerd: {
    packages: [
      ...['containerd', 'containerd-shim-runc-v2', 'ctr'].map(
        (name) => `github.com/containerd/containerd/v2/cmd/${name}`,
      ),
      './pause',
    ],
    sources: ['pause/main.go'],
    duration: 'two minutes',
    flags: async () => plain('no_btrfs no_devmapper no_zfs'),
  },
  helm: {
    packages: ['helm.sh/helm/v4/cmd/helm'],
    duration: 'two and a half minutes',
    flags: async () => plain(''),
  },
};

/**
 * Returns the folder that holds the programs of a module: `kubelet` and `kube-proxy` of `worker`; `containerd`,
 * `containerd-shim-runc-v2`, `ctr` and `pause` of `containerd`; `helm` of `helm`. Builds them if the cache does not have them.
 *
 * Rejects with `go_missing`, `go_too_old` or `build_failed`.
 */
export async function goPrograms(name: GoModuleName, options: BuildOptions = {}): Promise<string> {
  const module = modules[name];
  const source = join(sourceDirectory, name);
  const flags = await module.flags();
  const hash = createHash('sha256').update(JSON.stringify([flags, module.packages]));
  for (const file of ['go.mod', 'go.sum', ...(module.sources ?? [])]) hash.update(await readFile(join(source, file)));
  return buildOnce(
    {
      what: module.packages.map((path) => path.slice(path.lastIndexOf('/') + 1)).join(', '),
      duration: module.duration,
      builds: join(cacheDirectory(options.environment ?? process.env), name),
      key: [process.platform, process.arch, hash.digest('hex').slice(0, 16)].join('-'),
      flags,
      source,
      packages: module.packages,
      // A folder as output: each program under its own name.
      output: '.',
    },
    options,
  );
}
