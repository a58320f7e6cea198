import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CheckpointMessage } from '@wigeon/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckpointStore } from './checkpoint-store.ts';

const key = { uid: '6a6b0f0e-0000-4000-8000-000000000001', container: 'main', restart: 0 };
let directory: string;
let store: CheckpointStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wigeon-checkpoints-'));
  store = await CheckpointStore.open(directory);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function message(sequence: number, base: number | null, bytes: Uint8Array): CheckpointMessage {
  return {
    type: 'checkpoint',
    assignment: '0f8fad5b-d9cb-469f-a165-70867728950e',
    epoch: 1,
    sequence,
    base,
    blob: { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length },
    streams: { stdout: 0, stderr: 0 },
    takenAt: new Date(0).toISOString(),
    memoryBytes: 65536,
    final: false,
  };
}

/** Sends bytes in two frames and commits them. */
async function put(sequence: number, base: number | null, bytes: Uint8Array = randomBytes(1000)): Promise<void> {
  const checkpoints = store.of(key);
  checkpoints.append(1, sequence, bytes.subarray(0, 600));
  checkpoints.append(1, sequence, bytes.subarray(600));
  await checkpoints.commit(message(sequence, base, bytes));
}

const sequences = (): number[] => store.of(key).records.map(({ sequence }) => sequence);

describe('checkpoints', () => {
  it('are kept from the newest full one on, also by a later process', async () => {
    await put(1, null);
    await put(2, 1);
    await put(3, null);
    await put(4, 3);
    expect(sequences()).toEqual([3, 4]);
    store = await CheckpointStore.open(directory);
    expect(sequences()).toEqual([3, 4]);
    expect(store.of(key).chain()?.last.sequence).toBe(4);
    const files = await readdir(join(directory, `${key.uid}_main_0`));
    expect(files).toHaveLength(3);
  });

  it('give back their bytes by digest', async () => {
    const bytes = randomBytes(2000);
    await put(1, null, bytes);
    const found = await store.blob(message(1, null, bytes).blob.digest);
    expect(await readFile(found?.path ?? '')).toEqual(bytes);
    expect(await store.blob(`sha256:${'0'.repeat(64)}`)).toBeUndefined();
  });

  it.each<[string, (bytes: Uint8Array) => CheckpointMessage, RegExp]>([
    ['other bytes than announced', () => message(2, 1, randomBytes(1000)), /announced as/],
    ['a base that is not the newest', (bytes) => message(2, 7, bytes), /builds on 7/],
    ['no bytes at all', () => message(3, 1, randomBytes(10)), /without its bytes/],
  ])('with %s are refused, and the ones before stay', async (_what, announced, error) => {
    await put(1, null);
    const bytes = randomBytes(1000);
    store.of(key).append(1, 2, bytes);
    await expect(store.of(key).commit(announced(bytes))).rejects.toThrow(error);
    expect(sequences()).toEqual([1]);
    await put(2, 1);
    expect(sequences()).toEqual([1, 2]);
  });

  it('that are cleared while bytes come in leave nothing and harm nobody', async () => {
    for (let round = 0; round < 50; round++) {
      const checkpoints = store.of({ ...key, restart: round });
      checkpoints.append(1, 1, randomBytes(100_000));
      await checkpoints.clear();
    }
    expect(await readdir(directory)).toEqual([]);
  });

  it('that are cleared while one is being stored leave nothing and harm nobody', async () => {
    for (let round = 0; round < 50; round++) {
      const checkpoints = store.of({ ...key, restart: round });
      const bytes = randomBytes(100_000);
      checkpoints.append(1, 1, bytes);
      const stored = checkpoints.commit(message(1, null, bytes));
      await Promise.all([stored, checkpoints.clear()]);
    }
    expect(await readdir(directory)).toEqual([]);
  });

  it('whose bytes a crash cut off are forgotten', async () => {
    await put(1, null);
    const [record] = store.of(key).records;
    await writeFile(store.of(key).pathOf(record!), 'short');
    store = await CheckpointStore.open(directory);
    expect(sequences()).toEqual([]);
  });

  it('of pods that are gone are removed', async () => {
    await put(1, null);
    await store.prune(new Set([key.uid]));
    expect(sequences()).toEqual([1]);
    await store.prune(new Set());
    expect(await readdir(directory)).toEqual([]);
  });
});
