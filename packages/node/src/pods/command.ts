import type { Pod } from '../cluster/index.ts';

type Container = NonNullable<Pod['spec']>['containers'][number];

/** What the image says about starting it. */
export interface ImageDefaults {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
}

/** The container asks for something that cannot be resolved (`CreateContainerConfigError`). */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}

/**
 * Environment in the kubelet's order: the image's, then the pod's, later names replacing earlier ones; `$(NAME)` in a
 * value refers to names defined before it.
 * @throws ContainerConfigError for sources that this node cannot read
 */
export function resolveEnv(pod: Pod, container: Container, image: Pick<ImageDefaults, 'env'>): Map<string, string> {
  const env = new Map<string, string>();
  for (const pair of image.env) {
    const equals = pair.indexOf('=');
    if (equals > 0) env.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  env.set('HOSTNAME', (pod.spec?.hostname ?? pod.metadata.name).slice(0, 63));
  if (container.envFrom?.length) throw new ContainerConfigError('envFrom is not supported by this node');
  for (const variable of container.env ?? []) {
    if (variable.valueFrom)
      throw new ContainerConfigError(`env ${variable.name}: valueFrom is not supported by this node`);
    env.set(variable.name, expand(variable.value ?? '', env));
  }
  return env;
}

/**
 * The argument vector: `command` replaces the image's entrypoint and drops its cmd, `args` replaces cmd
 * (kubernetes.io "Define a Command and Arguments"). `$(NAME)` is expanded.
 */
export function resolveArgv(container: Container, image: ImageDefaults, env: ReadonlyMap<string, string>): string[] {
  const command = container.command?.length ? container.command.map((word) => expand(word, env)) : undefined;
  const args = container.args?.length ? container.args.map((word) => expand(word, env)) : undefined;
  if (command) return [...command, ...(args ?? [])];
  return [...image.entrypoint, ...(args ?? image.cmd)];
}

/** Kubernetes' expansion: `$(NAME)` if defined, `$$` is a dollar sign, everything else stays as written. */
export function expand(text: string, env: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) => {
    if (match === '$$') return '$';
    return name === undefined ? match : (env.get(name) ?? match);
  });
}
