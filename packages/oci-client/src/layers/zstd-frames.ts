import { OciError } from '../error.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const RLE_BLOCK = 1;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];

type Step =
  | 'magic'
  | 'skippable size'
  | 'descriptor'
  | 'frame header'
  | 'block header'
  | 'block'
  | 'checksum'
  | 'skipped';

/**
 * Cuts zstd input so that no piece spans two frames, and drops skippable frames (RFC 8878, section 3). Node 24's
 * decompressor silently ignores the frames that follow in the same piece, which truncates layers made of many
 * (zstd:chunked, pzstd).
 */
export class ZstdFrameCutter {
  #step: Step = 'magic';
  #left = 4;
  // Bytes of the header being read, little-endian.
  #header: number[] = [];
  #lastBlock = false;
  #checksum = false;

  /**
   * The pieces of a chunk, each to be given to the decompressor on its own.
   *
   * @throws OciError `layer_corrupt` where a frame should begin and none does
   */
  *cut(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let from = 0;
    let at = 0;
    while (at < chunk.length) {
      const passing = this.#step === 'block' || this.#step === 'skipped';
      const taken = passing ? Math.min(this.#left, chunk.length - at) : 1;
      if (!passing) this.#header.push(chunk[at]!);
      at += taken;
      this.#left -= taken;
      if (this.#step === 'magic' || this.#step === 'skippable size' || this.#step === 'skipped') from = at;
      if (this.#left > 0) continue;
      const ended = this.#next();
      if (ended === 'magic') yield Uint8Array.from(MAGIC_BYTES);
      if (ended === 'frame') {
        yield chunk.subarray(from, at);
        from = at;
      }
    }
    if (from < at) yield chunk.subarray(from, at);
  }

  /** @throws OciError `layer_corrupt` if the input ended inside a frame */
  finish(): void {
    if (this.#step !== 'magic' || this.#header.length > 0) {
      throw new OciError('layer_corrupt', 'the zstd layer ends in the middle of a frame');
    }
  }

  /** The step is complete. Says when a frame ended, or when its magic number was read (which is held back until then). */
  #next(): 'frame' | 'magic' | undefined {
    const header = this.#header;
    this.#header = [];
    switch (this.#step) {
      case 'magic': {
        const magic = littleEndian(header);
        if (magic === FRAME_MAGIC) {
          this.#await('descriptor', 1);
          return 'magic';
        }
        // Sixteen numbers mark frames to be skipped.
        if ((magic & 0xfffffff0) >>> 0 !== SKIPPABLE_MAGIC) {
          throw new OciError('layer_corrupt', 'the layer has bytes that are not zstd where a frame should begin');
        }
        this.#await('skippable size', 4);
        return undefined;
      }
      case 'skippable size':
        this.#await('skipped', littleEndian(header));
        if (this.#left === 0) this.#await('magic', 4);
        return undefined;
      case 'skipped':
        this.#await('magic', 4);
        return undefined;
      case 'descriptor': {
        const descriptor = header[0]!;
        const singleSegment = (descriptor & 0x20) !== 0;
        this.#checksum = (descriptor & 0x04) !== 0;
        const contentSize = CONTENT_SIZE_BYTES[descriptor >> 6]! || (singleSegment ? 1 : 0);
        this.#await('frame header', (singleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 3]! + contentSize);
        return undefined;
      }
      case 'frame header':
        this.#await('block header', 3);
        return undefined;
      case 'block header': {
        const block = littleEndian(header);
        this.#lastBlock = (block & 1) === 1;
        this.#await('block', ((block >> 1) & 3) === RLE_BLOCK ? 1 : block >> 3);
        return this.#left === 0 ? this.#endBlock() : undefined;
      }
      case 'block':
        return this.#endBlock();
      case 'checksum':
        this.#await('magic', 4);
        return 'frame';
    }
  }

  #endBlock(): 'frame' | undefined {
    if (!this.#lastBlock) this.#await('block header', 3);
    else if (this.#checksum) this.#await('checksum', 4);
    else {
      this.#await('magic', 4);
      return 'frame';
    }
    return undefined;
  }

  #await(step: Step, bytes: number): void {
    this.#step = step;
    this.#left = bytes;
  }
}

const MAGIC_BYTES = [0x28, 0xb5, 0x2f, 0xfd];

function littleEndian(bytes: readonly number[]): number {
  return bytes.reduce((value, byte, at) => value + byte * 2 ** (8 * at), 0);
}
