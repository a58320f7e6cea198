import type { Source } from '../fs/source.ts';
import { rangeSource } from '../fs/source.ts';

export interface RemoteSourceOptions {
  /** Fetched at once around what is read. Default 256 KiB. */
  readonly blockBytes?: number;
}

/**
 * A file of a bundle that is fetched when it is read, in ranges, without a way to wait: synchronous requests work in
 * every dedicated worker, isolated or not. The server must answer `Range` (one that sends the whole file is used, too)
 * and, from another origin, allow it by CORS. A failed request is thrown as it is and ends the program.
 */
export function remoteSource(url: string, size: number, { blockBytes }: RemoteSourceOptions = {}): Source {
  return rangeSource(size, (offset, length) => fetchRange(url, offset, length), blockBytes);
}

function fetchRange(url: string, offset: number, length: number): Uint8Array {
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  request.responseType = 'arraybuffer';
  request.setRequestHeader('Range', `bytes=${offset}-${offset + length - 1}`);
  request.send();
  const bytes = new Uint8Array((request.response as ArrayBuffer | null) ?? new ArrayBuffer(0));
  const part = request.status === 206 ? bytes : bytes.subarray(offset, offset + length);
  if ((request.status !== 206 && request.status !== 200) || part.length !== length) {
    throw new Error(
      `${url}: bytes ${offset} to ${offset + length - 1}: status ${request.status}, ${part.length} bytes`,
    );
  }
  return part;
}
