import { OciError, type OciErrorCode } from '../error.ts';

/** The whole body, or an error as soon as it has more than `limit` bytes. */
export async function readLimited(
  response: Response,
  limit: number,
  what: string,
  code: OciErrorCode = 'registry_failed',
): Promise<Uint8Array> {
  const tooLarge = (): OciError => new OciError(code, `${what} has more than the ${limit} bytes that are allowed`);
  const declared = Number(response.headers.get('content-length') ?? 0);
  if (declared > limit) {
    await response.body?.cancel();
    throw tooLarge();
  }
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of response.body ?? []) {
    total += chunk.length;
    if (total > limit) throw tooLarge();
    chunks.push(chunk);
  }
  const all = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
