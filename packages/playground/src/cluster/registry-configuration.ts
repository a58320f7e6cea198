import { randomBytes } from 'node:crypto';

export interface RegistryConfiguration {
  readonly port: number;
  /** Where blobs and manifests lie. */
  readonly directory: string;
}

/** The registry's config file. It is JSON, which is YAML too. */
export function registryConfiguration({ port, directory }: RegistryConfiguration): string {
  const configuration = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: directory },
      delete: { enabled: true },
      // Walks the whole storage now and then; nothing lives long enough to need it.
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `127.0.0.1:${port}`, secret: randomBytes(16).toString('hex') },
  };
  return `${JSON.stringify(configuration, null, 2)}\n`;
}

/** Without this the registry keeps trying to send traces to a collector on loopback. */
export const registryEnvironment: Readonly<Record<string, string>> = { OTEL_TRACES_EXPORTER: 'none' };
