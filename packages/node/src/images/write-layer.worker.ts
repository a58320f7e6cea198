// The thread of `writeLayerInThread`: unpacks one layer from the pieces that it is sent.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { LayerBudget, OciError } from '@wigeon/oci-client';
import { writeLayer } from './write-layer.ts';
import type { FromWriter, ToWriter, WriterData } from './write-layer-in-thread.ts';

const port = parentPort as MessagePort;
const { directory, diffId, limits } = workerData as WriterData;
const report = (message: FromWriter): void => port.postMessage(message);

/** Counts what is told with the next report as well. */
class ReportedBudget extends LayerBudget {
  entries = 0;
  bytes = 0;

  override addEntries(count: number): void {
    this.entries += count;
    super.addEntries(count);
  }

  override addBytes(added: number, output: number, input: number): void {
    this.bytes += added;
    super.addBytes(added, output, input);
  }
}

const budget = new ReportedBudget(limits);
let received = 0;

async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
  const waiting: ToWriter[] = [];
  let arrived = Promise.withResolvers<void>();
  port.on('message', (message: ToWriter) => {
    waiting.push(message);
    arrived.resolve();
  });
  for (;;) {
    const next = waiting.shift();
    if (next === undefined) {
      await arrived.promise;
      arrived = Promise.withResolvers();
      continue;
    }
    if ('end' in next) return;
    received += next.piece.length;
    yield next.piece;
    const { entries, bytes } = budget;
    budget.entries = 0;
    budget.bytes = 0;
    report({ type: 'used', input: next.piece.length, entries, bytes });
  }
}

try {
  const { signal } = new AbortController();
  await writeLayer(directory, pieces(), { diffId, budget, received: () => received, signal });
  report({ type: 'used', input: 0, entries: budget.entries, bytes: budget.bytes });
  report({ type: 'done' });
} catch (error) {
  report({
    type: 'failed',
    message: error instanceof Error ? error.message : String(error),
    code: error instanceof OciError ? error.code : undefined,
    retryable: error instanceof OciError && error.retryable,
  });
}
