import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { Place } from '../fs/namespace.ts';
import type { DirectoryListing, NodeStat, Timestamp } from '../fs/node.ts';
import { Descriptor } from './descriptor.ts';

/** An open directory; the pre-opened ones know the path under which wasi-libc offers them to the program. */
export class DirectoryDescriptor extends Descriptor {
  readonly filetype: number = wasi.FILETYPE_DIRECTORY;
  readonly place: Place;
  readonly preopenPath: string | undefined;
  #listing: DirectoryListing | undefined;

  constructor(place: Place, rightsBase: bigint, rightsInheriting: bigint, flags = 0, preopenPath?: string) {
    super(rightsBase, rightsInheriting, flags);
    this.place = place;
    this.preopenPath = preopenPath;
  }

  stat(): NodeStat {
    return this.place.node.stat();
  }

  /** The listing that this descriptor reads from; `rewind` starts a new one. */
  listing(rewind: boolean): DirectoryListing {
    if (rewind || !this.#listing) this.#listing = this.place.node.list();
    return this.#listing;
  }

  override readAt(): number {
    throw errno(wasi.ERRNO_BADF);
  }

  override writeAt(): number {
    throw errno(wasi.ERRNO_BADF);
  }

  override seek(): number {
    throw errno(wasi.ERRNO_BADF);
  }

  override tell(): number {
    throw errno(wasi.ERRNO_BADF);
  }

  override setSize(): void {
    throw errno(wasi.ERRNO_BADF);
  }

  override allocate(): void {
    throw errno(wasi.ERRNO_BADF);
  }

  override advise(): void {
    throw errno(wasi.ERRNO_BADF);
  }

  override sync(): void {}

  override setTimes(atime: Timestamp | undefined, mtime: Timestamp | undefined): void {
    if (this.place.mount.readOnly) throw errno(wasi.ERRNO_ROFS);
    this.place.node.setTimes(atime, mtime);
  }
}
