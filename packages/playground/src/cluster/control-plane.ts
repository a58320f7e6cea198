// The components of one playground, started in the order in which they need each other.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Programs } from '../binaries/programs.ts';
import { createCertificateAuthority } from '../pki/certificate-authority.ts';
import { type CredentialFiles, createClusterCertificates } from '../pki/cluster-certificates.ts';
import { kubeconfig } from '../pki/kubeconfig.ts';
import { createNodeCredentials, type NodeCredentials, type NodeCredentialsOptions } from '../pki/node-credentials.ts';
import { writeSecret } from '../pki/secret-file.ts';
import type { Component } from '../processes/component.ts';
import type { ComponentSet } from '../processes/component-set.ts';
import { createApiClient } from './api-client.ts';
import {
  apiServerFlags,
  type ControllerManagerOptions,
  controllerManagerFlags,
  etcdFlags,
  type Ports,
  schedulerFlags,
} from './component-flags.ts';
import { createKubectl, type Kubectl } from './kubectl.ts';
import { apiServerReady, bindKubeletApiAdmin, defaultNamespaceReady, httpReady } from './readiness.ts';
import { registryConfiguration, registryEnvironment } from './registry-configuration.ts';

type ServerName = Exclude<keyof Programs, 'kubectl'>;

export interface ControlPlaneOptions extends ControllerManagerOptions {
  /** The node that `node` has credentials for; default `wigeon`. */
  readonly nodeName?: string;
  /** Further flags of components, after ours, such as feature gates. */
  readonly flags?: Readonly<Partial<Record<ServerName, readonly string[]>>>;
}

export interface ControlPlane {
  /** URL of the API server. */
  readonly server: string;
  /** Path of the admin's kubeconfig. */
  readonly kubeconfig: string;
  /** Path of the CA (PEM) that signs every certificate of the playground. */
  readonly certificateAuthority: string;
  /** Credentials for the node called `nodeName`. */
  readonly node: NodeCredentials;
  /** Paths of the client certificate with which the API server calls kubelets, to call one as it does. */
  readonly kubeletClient: CredentialFiles;
  /** `127.0.0.1:PORT` of the image registry, plain http. */
  readonly registry: string;
  /** The components that run. */
  readonly components: readonly Pick<Component, 'name' | 'pid' | 'logFile'>[];
  /** The kubectl of this release: a command and the arguments before kubectl's own. */
  readonly kubectlProgram: { readonly command: string; readonly args: readonly string[] };
  /** Runs kubectl as admin to its end. */
  readonly kubectl: Kubectl['run'];
  /** Starts kubectl as admin, for output that is read while it comes. */
  readonly kubectlStream: Kubectl['stream'];
  /** Credentials for one more node. */
  createNodeCredentials(options: NodeCredentialsOptions): Promise<NodeCredentials>;
}

export interface ControlPlaneContext {
  readonly programs: Programs;
  readonly ports: Ports;
  readonly directory: string;
  /** Takes what has to be stopped; the caller disposes it, also when the start fails. */
  readonly resources: AsyncDisposableStack;
  readonly components: ComponentSet;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** Resolves when the default namespace accepts pods and the registry answers. */
export async function startControlPlane(
  context: ControlPlaneContext,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const { programs, ports, directory, resources, components, signal, log } = context;
  const folder = {
    certificates: join(directory, 'certificates'),
    etcd: join(directory, 'etcd'),
    images: join(directory, 'images'),
    logs: join(directory, 'logs'),
    nodes: join(directory, 'nodes'),
  };
  await Promise.all(Object.values(folder).map((path) => mkdir(path, { mode: 0o700 })));
  const start = (name: ServerName, args: string[], environment = {}): Promise<Component> =>
    components.start({
      name,
      program: programs[name],
      args: [...args, ...(options.flags?.[name] ?? [])],
      logFile: join(folder.logs, `${name}.log`),
      environment,
    });

  log('starting etcd, the Kubernetes API server and the registry');
  const registryFile = join(directory, 'registry.yml');
  await writeFile(registryFile, registryConfiguration({ port: ports.registry, directory: folder.images }));
  const early = [
    start('etcd', etcdFlags(ports, folder.etcd)),
    start('registry', ['serve', registryFile], registryEnvironment),
  ];

  const server = `https://127.0.0.1:${ports.apiServer}`;
  const authority = await createCertificateAuthority('wigeon-playground');
  const { files, admin, controllerManager, scheduler } = await createClusterCertificates(
    authority,
    folder.certificates,
  );
  const writeKubeconfig = async (name: string, credential: typeof admin): Promise<string> => {
    const file = join(directory, `${name}.kubeconfig`);
    await writeSecret(
      file,
      kubeconfig({ server, certificateAuthority: authority.certificate, user: name, credential }),
    );
    return file;
  };
  const forNode = (node: NodeCredentialsOptions): Promise<NodeCredentials> =>
    createNodeCredentials(node, {
      authority,
      authorityFile: files.certificateAuthority,
      server,
      directory: folder.nodes,
    });
  const [adminFile, controllerManagerFile, schedulerFile, node] = await Promise.all([
    writeKubeconfig('admin', admin),
    writeKubeconfig('kube-controller-manager', controllerManager),
    writeKubeconfig('kube-scheduler', scheduler),
    forNode({ nodeName: options.nodeName ?? 'wigeon' }),
  ]);

  const apiServer = start('kube-apiserver', apiServerFlags(ports, files));
  const api = resources.use(createApiClient({ server, certificateAuthority: authority.certificate, user: admin }));
  await apiServerReady(api, signal);
  log('starting kube-controller-manager and kube-scheduler');
  const late = [
    start('kube-controller-manager', controllerManagerFlags(controllerManagerFile, files, options)),
    start('kube-scheduler', schedulerFlags(schedulerFile)),
  ];
  const registry = `127.0.0.1:${ports.registry}`;
  await Promise.all([
    bindKubeletApiAdmin(api),
    defaultNamespaceReady(api, signal),
    httpReady(`http://${registry}/v2/`, signal),
  ]);

  const kubectl = resources.use(createKubectl(programs.kubectl, adminFile, directory));
  return {
    server,
    kubeconfig: adminFile,
    certificateAuthority: files.certificateAuthority,
    node,
    kubeletClient: files.kubeletClient,
    registry,
    components: await Promise.all([...early, apiServer, ...late]),
    kubectlProgram: programs.kubectl,
    kubectl: kubectl.run,
    kubectlStream: kubectl.stream,
    createNodeCredentials: forNode,
  };
}
