// Reads a file of the guest's tree that is fetched in ranges as it is read.
import { remoteSource } from '../src/browser/index.ts';
import { MemoryTree } from '../src/index.ts';
import { DirectGuest } from './direct-guest.ts';

export interface RemoteRead {
  readonly url: string;
  readonly size: number;
  readonly at: readonly number[];
}

export default function read({ url, size, at }: RemoteRead): number[] {
  const file = remoteSource(url, size, { blockBytes: 1000 });
  const tree = new MemoryTree({ bundle: [{ path: 'remote', file }] });
  const guest = new DirectGuest({ mounts: [{ path: '/', root: tree.root }] });
  const fd = guest.open('remote');
  return at.map((position) => guest.read(fd, 1, BigInt(position))[0]!);
}
