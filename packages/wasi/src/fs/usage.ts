/** What a tree holds against its limits: bytes of file content and number of inodes (like tmpfs). */
export class Usage {
  readonly sizeLimit: number;
  inodeLimit: number = Number.POSITIVE_INFINITY;
  bytes = 0;
  inodes = 0;

  constructor(sizeLimit: number = Number.POSITIVE_INFINITY) {
    this.sizeLimit = sizeLimit;
  }

  /** Takes up to `bytes` and returns what was granted; `force` goes over the limit (restoring a saved state). */
  take(bytes: number, force = false): number {
    const granted = force ? bytes : Math.min(bytes, Math.max(0, this.sizeLimit - this.bytes));
    this.bytes += granted;
    return granted;
  }

  give(bytes: number): void {
    this.bytes -= bytes;
  }
}
