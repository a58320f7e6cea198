import type { Descriptor, ImageIndex, Platform } from './manifest.ts';
import { isIndexType } from './media-types.ts';

export interface PlatformChoice {
  /** Whether WASI preview 2 components can be run; they are chosen after modules. */
  readonly components: boolean;
  /** Annotations of the pod, which may mark a linux image as Wasm (crun). */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Whether annotations of a pod, manifest or descriptor say "this linux image is Wasm" (crun's and solo.io's keys). */
export function marksWasm(annotations: Readonly<Record<string, string>> = {}): boolean {
  const variant = annotations['module.wasm.image/variant'];
  const handler = annotations['run.oci.handler'];
  return variant === 'compat' || variant === 'compat-smart' || handler === 'wasm' || handler === 'wasm-smart';
}

/**
 * The entries of an index that can be run here, best first: `wasip1/wasm`, `wasi/wasm` (also `wasm32`), components,
 * any other Wasm, nested indexes and entries without a platform, and `linux/*` last and only if annotated as Wasm. Of equals the
 * first stays first (image-spec image-index.md). Attestations (`unknown/unknown`) are never taken.
 */
export function rankPlatforms(index: ImageIndex, choice: PlatformChoice): Descriptor[] {
  const annotated = marksWasm(choice.annotations) || marksWasm(index.annotations);
  return index.manifests
    .map((entry, at) => ({ entry, at, rank: rank(entry, choice, annotated) }))
    .filter((candidate) => candidate.rank !== undefined)
    .sort((a, b) => a.rank! - b.rank! || a.at - b.at)
    .map(({ entry }) => entry);
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return `${os}/${architecture}${variant ? `/${variant}` : ''}`;
}

/** `wasi/wasm` from text. */
export function parsePlatform(text: string): Platform | undefined {
  const [os, architecture, variant, ...rest] = text.split('/');
  if (!os || !architecture || rest.length > 0) return undefined;
  return { os, architecture, ...(variant ? { variant } : {}) };
}

export function isWasmArchitecture(architecture: string): boolean {
  return /^wasm(?:32)?$/i.test(architecture);
}

function rank(entry: Descriptor, { components }: PlatformChoice, annotated: boolean): number | undefined {
  // Docker's word for "attached to the entry above".
  if (entry.annotations?.['vnd.docker.reference.type'] !== undefined) return undefined;
  const { platform } = entry;
  if (!platform) return isIndexType(entry.mediaType) ? 4 : 5;
  const os = platform.os.toLowerCase();
  if (isWasmArchitecture(platform.architecture)) {
    if (os === 'wasip1') return 0;
    if (os === 'wasi') return 1;
    if (os === 'wasip2') return components ? 2 : 6;
    return 3;
  }
  if (os === 'linux' && (annotated || marksWasm(entry.annotations))) return 7;
  return undefined;
}
