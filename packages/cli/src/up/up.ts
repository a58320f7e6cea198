import { randomBytes } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildAgentAssets } from '@wigeon/agent/assets';
import type { BrowserName } from '@wigeon/browsers';
import { parseConfig, startNode } from '@wigeon/node';
import { imageFromModule, pushImage } from '@wigeon/oci-client';
import { type KubernetesVersion, type Playground, startPlayground } from '@wigeon/playground';
import pino from 'pino';
import { aborted } from '../interrupt.ts';
import { version } from '../version.ts';
import { serveAgentPage } from './agent-page.ts';
import { startAgents } from './agents.ts';
import { runFirstPod } from './first-pod.ts';
import { helloModule } from './hello.ts';
import { kubectlFolder } from './kubectl.ts';
import { Progress } from './progress.ts';

export interface UpOptions {
  readonly once: boolean;
  readonly agents: number;
  readonly browser: BrowserName | 'none' | undefined;
  readonly kubernetes: KubernetesVersion | undefined;
  readonly kubeconfig: string | undefined;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** Everything on loopback, a first pod, and what to try next. Leaves nothing behind when it ends. */
export async function up(options: UpOptions): Promise<void> {
  const { signal, json } = options;
  const progress = new Progress();
  await using stack = new AsyncDisposableStack();

  progress.step('local Kubernetes and registry (the first time builds them: about six minutes)');
  const playground = stack.use(
    await startPlayground({
      ...(options.kubernetes ? { kubernetes: options.kubernetes } : {}),
      log: (line) => progress.detail(line),
      signal,
    }),
  );
  const { kubeconfig = playground.kubeconfig } = options;
  if (kubeconfig !== playground.kubeconfig) await copyFile(playground.kubeconfig, kubeconfig);

  progress.step('virtual node');
  const key = `pk_${randomBytes(12).toString('base64url')}`;
  const node = stack.use(await startLocalNode(playground, key));
  const gateway = `http://127.0.0.1:${node.gatewayPort}`;

  progress.step('agent');
  const page = stack.use(await serveAgentPage(gateway, key));
  const agents = stack.use(
    await startAgents({
      browser: options.browser,
      count: options.agents,
      page: page.url,
      gateway,
      key,
      signal,
      detail: (line) => progress.detail(line),
    }),
  );

  progress.step('hello image');
  const image = `${playground.registry}/hello:1`;
  await pushImage(imageFromModule(await helloModule(), { entrypoint: ['/hello.wasm'], path: '/hello.wasm' }), image, {
    plainHttp: [playground.registry],
    signal,
  });

  progress.step('first pod');
  const output = await runFirstPod(playground, image, signal);
  progress.done();

  const ready = {
    kubeconfig,
    registry: playground.registry,
    gateway,
    page: page.url,
    key,
    node: node.name,
    kubernetes: playground.server,
  };
  if (json) console.log(JSON.stringify(ready));
  else console.log(report({ ...ready, output, where: agents.where, image, kubectl: await kubectlFolder(playground) }));
  if (options.once) return;
  if (!json) console.log('\nRunning until Ctrl-C.');
  await Promise.race([aborted(signal), playground.done]);
  progress.step('stopping');
  await stack.disposeAsync();
  progress.done();
}

function startLocalNode(playground: Playground, key: string): ReturnType<typeof startNode> {
  return buildAgentAssets().then((assets) =>
    startNode({
      config: parseConfig({
        nodeName: playground.node.nodeName,
        kubeconfig: playground.node.kubeconfig,
        stateDir: join(playground.directory, 'node'),
        kubelet: {
          port: 0,
          certFile: playground.node.serving.certificate,
          keyFile: playground.node.serving.key,
          clientCAFile: playground.node.clientCertificateAuthority,
        },
        gateway: { port: 0, keys: [key] },
        images: { plainHttp: [playground.registry] },
      }),
      assets,
      log: pino({ level: process.env.WIGEON_LOG ?? 'silent' }, pino.destination(2)),
      version,
    }),
  );
}

function report(ready: {
  kubeconfig: string;
  page: string;
  output: string;
  where: string;
  image: string;
  node: string;
  kubectl: string | undefined;
}): string {
  const path = ready.kubectl === undefined ? '' : `\n  export PATH=$PATH:${ready.kubectl}`;
  return `
The first pod ran (${ready.where}) and its log is:

${ready.output.trimEnd()}

Your cluster:
  export KUBECONFIG=${ready.kubeconfig}${path}

To try:
  kubectl run again --image=${ready.image} --restart=Never -- one two\n  kubectl wait pod/again --for=jsonpath={.status.phase}=Succeeded && kubectl logs again
  kubectl describe node ${ready.node}
  open ${ready.page} in your own browser, then: kubectl get node ${ready.node} -o jsonpath='{.status.capacity}'`;
}
