// The Go toolchain of the machine: is it there, and new enough to fetch the one that Kubernetes wants?
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { PlaygroundError } from '../error.ts';

/** Found on PATH. */
export const goCommand: string = 'go';

// The first Go that downloads the toolchain named in go.mod by itself.
const oldestMinor = 21;

const remedy =
  `Install Go 1.${oldestMinor} or newer (Debian, Ubuntu: package golang-go, from backports if it is older; ` +
  'macOS: brew install go) and see that `go` is on PATH, or set KUBEBUILDER_ASSETS to a folder that holds etcd, ' +
  'kube-apiserver, kube-controller-manager, kube-scheduler, kubectl and registry.';

/** Returns the version of the `go` on PATH, such as `go1.26.8`. Rejects with `go_missing` or `go_too_old`. */
export async function checkGo(environment: NodeJS.ProcessEnv): Promise<string> {
  const version = await goVersion(environment);
  // Development builds say "devel …": they are new enough.
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  if (major !== undefined && Number(major) === 1 && Number(minor) < oldestMinor) {
    throw new PlaygroundError(
      'go_too_old',
      `The playground builds its Kubernetes control plane with Go, and ${version} is too old for that. ${remedy}`,
    );
  }
  return version;
}

function goVersion(environment: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    // In a folder without go.mod and with the local toolchain: the question must not download anything.
    const child = spawn(goCommand, ['env', 'GOVERSION'], {
      cwd: tmpdir(),
      env: { ...environment, GOTOOLCHAIN: 'local' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    child.on('error', (cause) =>
      reject(
        new PlaygroundError(
          'go_missing',
          `The playground builds its Kubernetes control plane with Go, and \`go\` could not be run. ${remedy}`,
          { cause },
        ),
      ),
    );
    child.on('close', (code) => {
      if (code === 0) resolve(output.trim());
      else reject(new PlaygroundError('go_missing', `\`go env GOVERSION\` failed: ${complaint.trim()}. ${remedy}`));
    });
  });
}
