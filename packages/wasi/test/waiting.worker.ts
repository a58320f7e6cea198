// Runs a program whose stdin comes while it waits, in one of the ways to wait.
import type { EngineContext } from '@wigeon/testkit/engines';
import {
  type Blocking,
  chooseBlocking,
  createDoorbell,
  createSharedPipe,
  InputQueue,
  type InputStream,
  type SharedPipe,
  SharedPipeReader,
  WasiHost,
} from '../src/index.ts';

export interface WaitingRun {
  readonly kind: 'shared' | 'promise' | 'sleep';
  /** Fed one by one, each when the output so far contains its `after`; then the end. `%T` becomes the time of feeding. */
  readonly lines: readonly { readonly after: string; readonly text: string }[];
}

export interface WaitingResult {
  /** This engine cannot wait in that way here. */
  readonly impossible?: true;
  readonly code?: number;
  readonly stdout?: string;
  /** Milliseconds from feeding a time to its being printed. */
  readonly latencies?: readonly number[];
}

const now = (): number => performance.timeOrigin + performance.now();

export default async function run({ kind, lines }: WaitingRun, context: EngineContext): Promise<WaitingResult> {
  const module = await WebAssembly.compile((await context.file('program')) as Uint8Array<ArrayBuffer>);
  const doorbell = kind === 'shared' ? createDoorbell() : undefined;
  const blocking: Blocking = kind === 'sleep' ? { kind } : chooseBlocking(doorbell ? { doorbell } : {});
  if (blocking.kind !== kind) return { impossible: true };
  const feed = doorbell
    ? await otherThread(
        createSharedPipe(doorbell),
        lines.map(({ text }) => text),
      )
    : sameThread(kind === 'promise' ? 20 : 0);
  let stdout = '';
  let fed = 0;
  const latencies: number[] = [];
  const feedOn = (): void => {
    while (fed < lines.length && stdout.includes(lines[fed]!.after)) feed.push(lines[fed++]!.text);
    if (fed === lines.length) feed.end();
  };
  const decoder = new TextDecoder();
  const host = new WasiHost({
    args: ['program'],
    env: {},
    stdin: feed.stdin,
    stdout: (bytes) => {
      const text = decoder.decode(bytes, { stream: true });
      for (const [, time] of text.matchAll(/@([\d.]+)/g)) latencies.push(now() - Number(time));
      stdout += text;
      feedOn();
    },
    stderr: (bytes) => context.log(decoder.decode(bytes)),
    blocking,
  });
  feedOn();
  const code = await host.startAsync(new WebAssembly.Instance(module, host.imports));
  feed.close();
  return { code, stdout, latencies };
}

interface Feed {
  readonly stdin: InputStream;
  push(text: string): void;
  end(): void;
  close(): void;
}

/** After a delay, so that the guest is already waiting; at once where nothing runs while it waits. */
function sameThread(delay: number): Feed {
  const stdin = new InputQueue();
  const later = (change: () => void): void => void (delay > 0 ? setTimeout(change, delay) : change());
  return {
    stdin,
    push: (text) => later(() => stdin.push(new TextEncoder().encode(text.replace('%T', String(now()))))),
    end: () => later(() => stdin.end()),
    close: () => {},
  };
}

/**
 * Gets all lines at once and then only looks at memory: while the guest's thread sleeps, Chromium delivers no message
 * from it. Each line goes into the pipe a little after it is due, when the guest sleeps.
 */
const FEEDER = `({ pipe, due, lines }) => {
  const change = (index, value) => {
    Atomics.store(pipe.state, index, value); Atomics.add(pipe.doorbell, 0, 1); Atomics.notify(pipe.doorbell, 0);
  };
  const pause = new Int32Array(new SharedArrayBuffer(4));
  lines.forEach((line, i) => {
    for (let now = Atomics.load(due, 0); now <= i; now = Atomics.load(due, 0)) Atomics.wait(due, 0, now);
    Atomics.wait(pause, 0, 0, 20);
    const bytes = new TextEncoder().encode(line.replace('%T', String(performance.timeOrigin + performance.now())));
    const at = Atomics.load(pipe.state, 1);
    for (let j = 0; j < bytes.length; j++) pipe.data[(at + j) & (pipe.data.length - 1)] = bytes[j];
    change(1, at + bytes.length);
  });
  Atomics.wait(pause, 0, 0, 20);
  change(2, 1);
}`;

async function otherThread(pipe: SharedPipe, lines: readonly string[]): Promise<Feed> {
  const due = new Int32Array(new SharedArrayBuffer(4));
  const close = await (typeof Worker === 'function' ? browserFeeder : nodeFeeder)({ pipe, due, lines });
  return {
    stdin: new SharedPipeReader(pipe),
    push() {
      Atomics.add(due, 0, 1);
      Atomics.notify(due, 0);
    },
    end: () => {},
    close,
  };
}

async function browserFeeder(work: object): Promise<() => void> {
  const code = `onmessage = ({ data }) => { postMessage('ready'); setTimeout(${FEEDER}, 0, data); };`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  worker.postMessage(work);
  await new Promise((resolve, reject) => {
    worker.onmessage = resolve;
    worker.onerror = reject;
  });
  return () => worker.terminate();
}

async function nodeFeeder(work: object): Promise<() => void> {
  const { Worker: Thread } = await import('node:worker_threads');
  const code = `const { parentPort } = require('node:worker_threads');
    parentPort.on('message', (data) => { parentPort.postMessage('ready'); setTimeout(${FEEDER}, 0, data); });`;
  const worker = new Thread(code, { eval: true });
  worker.postMessage(work);
  await new Promise((resolve) => worker.once('message', resolve));
  return () => void worker.terminate();
}
