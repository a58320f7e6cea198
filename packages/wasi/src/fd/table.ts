import * as wasi from '../abi.ts';
import { errno } from '../errno.ts';
import type { Descriptor } from './descriptor.ts';

/** The descriptor table: new descriptors take the lowest free number, as POSIX demands. */
export class DescriptorTable {
  readonly #limit: number;
  readonly #entries: (Descriptor | undefined)[] = [];
  /** No free number below this one. */
  #lowestFree = 0;

  /** `limit`: how many descriptors may be open at once; beyond it opening fails with `mfile`. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(fd: number): Descriptor {
    // A negative i32 is no index, so no unsigned conversion is needed.
    const descriptor = this.#entries[fd];
    if (!descriptor) throw errno(wasi.ERRNO_BADF);
    return descriptor;
  }

  add(descriptor: Descriptor): number {
    const fd = this.reserve();
    this.set(fd, descriptor);
    return fd;
  }

  /** The number that the next descriptor gets; asked before an open that would otherwise have to be undone. */
  reserve(): number {
    let fd = this.#lowestFree;
    while (this.#entries[fd]) fd++;
    this.#lowestFree = fd;
    if (fd >= this.#limit) throw errno(wasi.ERRNO_MFILE);
    return fd;
  }

  set(fd: number, descriptor: Descriptor): void {
    while (this.#entries.length < fd) this.#entries.push(undefined);
    this.#entries[fd] = descriptor;
  }

  close(fd: number): void {
    const descriptor = this.get(fd);
    this.#entries[fd] = undefined;
    if (fd < this.#lowestFree) this.#lowestFree = fd;
    descriptor.close();
  }

  /** Both must be open; the one that was at `to` is closed (unlike dup2, WASI does not create `to`). */
  renumber(from: number, to: number): void {
    const moved = this.get(from);
    const replaced = this.get(to);
    if (from === to) return;
    this.#entries[to] = moved;
    this.#entries[from] = undefined;
    if (from < this.#lowestFree) this.#lowestFree = from;
    replaced.close();
  }

  *[Symbol.iterator](): Iterator<[fd: number, descriptor: Descriptor]> {
    for (const [fd, descriptor] of this.#entries.entries()) if (descriptor) yield [fd, descriptor];
  }

  /** Forgets all descriptors without closing them, before a saved table is put in. */
  clear(): void {
    this.#entries.length = 0;
    this.#lowestFree = 0;
  }
}
