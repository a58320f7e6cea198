import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { buildAgentAssets } from '@wigeon/agent/assets';
import { type NodeAgent, startNodeAgent } from '@wigeon/agent/node';
import { type Browser, type BrowserName, launchBrowser, type Page } from '@wigeon/browsers';
import {
  type ApiClient,
  createApiClient,
  type NodeConfigInput,
  parseConfig,
  startNode,
  type WigeonNode,
} from '@wigeon/node';
import { imageFromModule, pushImage } from '@wigeon/oci-client';
import { type Playground, type PlaygroundOptions, startPlayground } from '@wigeon/playground';
import type { Offer } from '@wigeon/protocol';
import pino from 'pino';
import type { EngineName } from '../engines/index.ts';
import { type ProgramName, program } from '../programs/index.ts';
import { startAgentProcess } from './agent-process.ts';
import { openScriptPage, type ScriptPage } from './script-page.ts';
import { allEnd, type PodEnd, type PodRequest, TestPod } from './test-pod.ts';

/** The command's source; the test kit does not import it. */
const CLI = join(import.meta.dirname, '..', '..', '..', 'cli', 'src', 'main.ts');
/** The publishable key of every test cluster. */
const KEY = 'pk_test';

const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

export interface TestClusterOptions {
  readonly playground?: PlaygroundOptions;
  /** Changes to the node's configuration. */
  readonly node?: Partial<NodeConfigInput>;
}

/** An agent of a test: a browser's tab or a Node process's worker threads. */
export interface TestAgent extends AsyncDisposable {
  readonly engine: EngineName;
  /** The tab, when it is one. */
  readonly page?: Page;
  /** Ends its process with SIGKILL: the whole browser, or the Node process of the agent. */
  kill(): Promise<void>;
}

/** A playground with our node in it. Everything on loopback; disposing it leaves nothing. */
export class TestCluster implements AsyncDisposable {
  readonly playground: Playground;
  readonly node: WigeonNode;
  readonly api: ApiClient;
  readonly #page: ScriptPage;
  readonly #resources: AsyncDisposableStack;
  readonly #browsers = new Map<BrowserName, Promise<Browser>>();
  readonly #images = new Map<string, Promise<string>>();
  #pods = 0;

  private constructor(parts: {
    playground: Playground;
    node: WigeonNode;
    api: ApiClient;
    page: ScriptPage;
    resources: AsyncDisposableStack;
  }) {
    this.playground = parts.playground;
    this.node = parts.node;
    this.api = parts.api;
    this.#page = parts.page;
    this.#resources = parts.resources;
  }

  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    await using resources = new AsyncDisposableStack();
    const playground = resources.use(await startPlayground(options.playground));
    const node = resources.use(
      await startNode({
        config: parseConfig({
          nodeName: playground.node.nodeName,
          kubeconfig: playground.node.kubeconfig,
          stateDir: join(playground.directory, 'wigeon'),
          kubelet: {
            port: 0,
            certFile: playground.node.serving.certificate,
            keyFile: playground.node.serving.key,
            clientCAFile: playground.node.clientCertificateAuthority,
          },
          gateway: { port: 0, keys: [KEY] },
          images: { plainHttp: [playground.registry] },
          ...options.node,
        }),
        assets: await buildAgentAssets(),
        log: pino({ level: process.env.WIGEON_LOG ?? 'silent' }),
        version: '0.0.0-test',
      }),
    );
    const api = resources.use(createApiClient(playground.kubeconfig));
    const page = resources.use(await openScriptPage(`http://127.0.0.1:${node.gatewayPort}`, KEY));
    return new TestCluster({ playground, node, api, page, resources: resources.move() });
  }

  get gateway(): string {
    return `http://127.0.0.1:${this.node.gatewayPort}`;
  }

  get key(): string {
    return KEY;
  }

  /** Starts an agent and waits until the node has it. */
  async agent(engine: EngineName, offer?: Offer): Promise<TestAgent> {
    const before = new Set(this.node.agents().map(({ id }) => id));
    const agent = engine === 'node' ? await this.#nodeAgent(offer) : await this.#tab(engine);
    await this.node.untilAgents((agents) => agents.some(({ id }) => !before.has(id)));
    return agent;
  }

  /** As `agent`, in a process of its own for every engine, so that it can be killed. */
  async separateAgent(engine: EngineName): Promise<TestAgent> {
    if (engine !== 'node') return this.agent(engine);
    const before = new Set(this.node.agents().map(({ id }) => id));
    const agent = startAgentProcess(this.gateway, KEY);
    await this.node.untilAgents((agents) => agents.some(({ id }) => !before.has(id)));
    return agent;
  }

  /** Name of the image with a program, pushed on first use. */
  image(name: ProgramName): Promise<string> {
    return this.imageOf(name, () => program(name));
  }

  /** Name of the image with these bytes under `/NAME.wasm`, whatever they are, pushed on first use. */
  imageOf(name: string, module: () => Promise<Uint8Array>): Promise<string> {
    const known = this.#images.get(name);
    if (known) return known;
    const reference = `${this.playground.registry}/${name}:1`;
    const pushed = (async () => {
      const path = `/${name}.wasm`;
      // The builder refuses what is not Wasm; tests of the node's own refusal put such bytes in afterwards.
      const image = { ...imageFromModule(EMPTY_MODULE, { path, entrypoint: [path] }), module: await module() };
      await pushImage(image, reference, { plainHttp: [this.playground.registry] });
      return reference;
    })();
    this.#images.set(name, pushed);
    return pushed;
  }

  /** Creates a pod that runs a test program; the real scheduler binds it. */
  async run(name: ProgramName, request: Omit<PodRequest, 'image'> = {}): Promise<TestPod> {
    return this.pod({ ...request, image: await this.image(name) });
  }

  /** Creates a pod. */
  async pod(request: PodRequest): Promise<TestPod> {
    return TestPod.create(this.api, this.playground, `${request.name ?? 'pod'}-${this.#pods++}`, request);
  }

  /** Waits until all have ended. */
  allEnd(pods: readonly TestPod[]): Promise<PodEnd[]> {
    return allEnd(this.api, pods);
  }

  /** The module of a test program. */
  module(name: ProgramName): Promise<Uint8Array> {
    return program(name);
  }

  /** kubectl as admin; a failure is an error with what it said. */
  async kubectl(...args: string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await this.playground.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} exited with ${code}: ${stderr}`);
    return stdout;
  }

  /** The wigeon command against this cluster; a failure is an error with what it said. */
  wigeon(...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile(
        process.execPath,
        [CLI, ...args, '--kubeconfig', this.playground.kubeconfig],
        (error, stdout, stderr) => {
          if (error) reject(new Error(`wigeon ${args.join(' ')}: ${stderr}`, { cause: error }));
          else resolve(stdout);
        },
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#browsers.values()].map(async (browser) => (await browser).close()));
    await this.#resources.disposeAsync();
  }

  async #nodeAgent(offer: Offer | undefined): Promise<TestAgent> {
    const agent: NodeAgent = startNodeAgent({
      url: this.gateway,
      key: KEY,
      name: 'node-agent',
      ...(offer ? { offer } : {}),
    });
    await agent.ready;
    const kill = (): Promise<void> =>
      Promise.reject(new Error('an agent of this process cannot be killed: use process()'));
    return { engine: 'node', kill, [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose]() };
  }

  async #tab(engine: BrowserName): Promise<TestAgent> {
    let launched = this.#browsers.get(engine);
    if (!launched) {
      launched = launchBrowser(engine);
      this.#browsers.set(engine, launched);
    }
    const page = await (await launched).newPage(this.#page.url);
    const kill = async (): Promise<void> => {
      this.#browsers.delete(engine);
      await (await launched).kill();
    };
    return { engine, page, kill, [Symbol.asyncDispose]: () => page.close() };
  }
}
