import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';

const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a DNS-1123 subdomain');
const port = z.int().min(0).max(65535);

const schema = z.strictObject({
  /** Name of the Node object; stable across restarts. */
  nodeName: name,
  /** Path of a kubeconfig; without it the in-cluster ServiceAccount is used. */
  kubeconfig: z.string().optional(),
  /** Where logs, images and the identity key live; kept across restarts. */
  stateDir: z.string(),
  /** Where the API server reaches this process. */
  address: z.string().default('127.0.0.1'),
  maxPods: z.int().min(1).max(10_000).default(1000),
  ephemeralStorage: z
    .int()
    .min(0)
    .default(16 * 2 ** 30),
  labels: z.record(z.string(), z.string()).default({}),
  taints: z
    .array(
      z.strictObject({
        key: z.string(),
        value: z.string().optional(),
        effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
      }),
    )
    .default([]),
  kubelet: z.strictObject({
    host: z.string().default('127.0.0.1'),
    port: port.default(10250),
    certFile: z.string(),
    keyFile: z.string(),
    clientCAFile: z.string(),
  }),
  gateway: z.strictObject({
    host: z.string().default('127.0.0.1'),
    port: port.default(8080),
    /** Publishable site keys; agents without one of them are refused. */
    keys: z.array(z.string().min(1)).min(1),
    /** File with further keys, one in a line, as a mounted Secret has them; read by `loadConfig`. */
    keysFile: z.string().optional(),
    heartbeatSeconds: z.number().min(1).max(60).default(5),
    leaseSeconds: z.number().min(2).max(600).default(30),
  }),
  images: z
    .strictObject({
      /** Registries (HOST or HOST:PORT) that speak plain http. */
      plainHttp: z.array(z.string()).default([]),
    })
    .default({ plainHttp: [] }),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

export type NodeConfig = z.infer<typeof schema>;
/** What a configuration file may contain: everything with a default may be left out. */
export type NodeConfigInput = z.input<typeof schema>;

/** The operator's configuration is wrong; the message names the file and every field. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws ConfigError */
export function parseConfig(value: unknown, source: string = 'configuration'): NodeConfig {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `  ${issue.path.join('.') || '(top level)'}: ${issue.message}`);
  throw new ConfigError(`${source} is not valid:\n${problems.join('\n')}`);
}

/**
 * Reads a YAML (or JSON) file; relative paths in it are relative to it.
 *
 * In texts `${NAME}` stands for an environment variable, as a pod learns its own address; `$${` is a plain `${`.
 * @throws ConfigError
 */
export async function loadConfig(file: string, environment: NodeJS.ProcessEnv = process.env): Promise<NodeConfig> {
  const absolute = (path: string): string => resolve(dirname(file), path);
  const value = withVariables(parseYaml(await read(file), file), environment, file);
  const config = parseConfig(await withKeys(value, absolute), file);
  return {
    ...config,
    ...(config.kubeconfig === undefined ? {} : { kubeconfig: absolute(config.kubeconfig) }),
    stateDir: absolute(config.stateDir),
    kubelet: {
      ...config.kubelet,
      certFile: absolute(config.kubelet.certFile),
      keyFile: absolute(config.kubelet.keyFile),
      clientCAFile: absolute(config.kubelet.clientCAFile),
    },
  };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new ConfigError(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function withVariables(value: unknown, environment: NodeJS.ProcessEnv, source: string): unknown {
  if (typeof value === 'string')
    return value.replace(/\$(\$\{)|\$\{(\w+)\}/g, (_all, plain: string | undefined, variable: string) => {
      if (plain) return plain;
      const text = environment[variable];
      if (text === undefined) throw new ConfigError(`${source} names \${${variable}}, which is not in the environment`);
      return text;
    });
  if (Array.isArray(value)) return value.map((item) => withVariables(item, environment, source));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withVariables(item, environment, source)]),
  );
}

/** Adds the keys of `gateway.keysFile` to `gateway.keys`; what is not as the schema says is left for it to refuse. */
async function withKeys(value: unknown, absolute: (path: string) => string): Promise<unknown> {
  if (!isRecord(value) || !isRecord(value.gateway) || typeof value.gateway.keysFile !== 'string') return value;
  const { keys = [], keysFile } = value.gateway;
  const lines = (await read(absolute(keysFile))).split(/\s+/).filter((line) => line !== '');
  return { ...value, gateway: { ...value.gateway, keys: Array.isArray(keys) ? [...keys, ...lines] : keys } };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
