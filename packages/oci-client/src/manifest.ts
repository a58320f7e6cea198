import { type Digest, isDigest } from './digest.ts';
import { OciError } from './error.ts';
import { isIndexType, isManifestType } from './media-types.ts';

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
}

/** Names content by digest (image-spec descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly platform?: Platform;
  /** The content itself, base64. */
  readonly data?: string;
}

export interface ImageManifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ImageIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations: Readonly<Record<string, string>>;
}

export type Manifest = ImageManifest | ImageIndex;

/** Parts of an image config that matter to run it; `rootfs.diff_ids` are the digests of the uncompressed layers. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly config: {
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    readonly Env: readonly string[];
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly diffIds: readonly string[];
}

/** A manifest may have this many bytes: registries refuse larger ones (distribution-spec, "Pushing manifests"). */
export const manifestLimit: number = 4 * 1024 * 1024;

/**
 * Reads one of the four manifest types.
 *
 * @param contentType what the registry said, without parameters; decides where the body has no `mediaType`
 * @throws OciError `invalid_manifest`, `unsupported_media_type`
 */
export function parseManifest(bytes: Uint8Array, contentType: string): Manifest {
  const json = parseObject(bytes, 'manifest');
  const own = json.mediaType;
  if (own !== undefined && typeof own !== 'string') throw invalid('mediaType is not a string');
  // distribution-spec: a client should reject what says different things about itself.
  const known = isIndexType(contentType) || isManifestType(contentType);
  if (own !== undefined && known && own !== contentType) {
    throw invalid(`it calls itself ${own} but was served as ${contentType}`);
  }
  const mediaType = own ?? contentType;
  if (isIndexType(mediaType)) {
    if (json.layers !== undefined || json.config !== undefined) throw invalid('an index with layers or config');
    return {
      kind: 'index',
      mediaType,
      manifests: list(json.manifests, 'manifests').map((entry, at) => parseDescriptor(entry, `manifests[${at}]`)),
      ...common(json),
    };
  }
  if (isManifestType(mediaType)) {
    if (json.manifests !== undefined) throw invalid('a manifest with manifests');
    return {
      kind: 'manifest',
      mediaType,
      config: parseDescriptor(json.config, 'config'),
      layers: list(json.layers, 'layers').map((entry, at) => parseDescriptor(entry, `layers[${at}]`)),
      ...common(json),
    };
  }
  throw new OciError(
    'unsupported_media_type',
    `the manifest is of type ${mediaType || '(none)'}, which is not an image`,
  );
}

/** @throws OciError `invalid_manifest` */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const json = parseObject(bytes, 'image config');
  const config = isObject(json.config) ? json.config : {};
  const rootfs = isObject(json.rootfs) ? json.rootfs : {};
  return {
    architecture: text(json.architecture),
    os: text(json.os),
    config: {
      Entrypoint: strings(config.Entrypoint, 'config.Entrypoint'),
      Cmd: strings(config.Cmd, 'config.Cmd'),
      Env: strings(config.Env, 'config.Env'),
      WorkingDir: text(config.WorkingDir),
      Labels: stringMap(config.Labels),
    },
    diffIds: strings(rootfs.diff_ids, 'rootfs.diff_ids'),
  };
}

function common(json: Record<string, unknown>): {
  artifactType?: string;
  subject?: Descriptor;
  annotations: Readonly<Record<string, string>>;
} {
  return {
    ...(typeof json.artifactType === 'string' ? { artifactType: json.artifactType } : {}),
    ...(json.subject === undefined ? {} : { subject: parseDescriptor(json.subject, 'subject') }),
    annotations: stringMap(json.annotations),
  };
}

function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw invalid(`${where} is missing or not an object`);
  const { mediaType, digest, size, annotations, artifactType, platform, data } = value;
  if (typeof mediaType !== 'string') throw invalid(`${where}.mediaType is not a string`);
  if (!isDigest(digest))
    throw invalid(`${where}.digest ${JSON.stringify(digest)?.slice(0, 160)} is not sha256 or sha512`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`${where}.size is not a whole number of bytes`);
  }
  return {
    mediaType,
    digest,
    size,
    ...(annotations === undefined ? {} : { annotations: stringMap(annotations) }),
    ...(typeof artifactType === 'string' ? { artifactType } : {}),
    ...(isObject(platform) && typeof platform.os === 'string' && typeof platform.architecture === 'string'
      ? {
          platform: {
            os: platform.os,
            architecture: platform.architecture,
            ...(typeof platform.variant === 'string' ? { variant: platform.variant } : {}),
          },
        }
      : {}),
    ...(typeof data === 'string' ? { data } : {}),
  };
}

function parseObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new OciError('invalid_manifest', `the ${what} is not JSON`, { cause });
  }
  if (!isObject(value)) throw new OciError('invalid_manifest', `the ${what} is not a JSON object`);
  return value;
}

function invalid(why: string): OciError {
  return new OciError('invalid_manifest', `invalid manifest: ${why}`);
}

function list(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw invalid(`${where} is missing or not a list`);
  return value;
}

function strings(value: unknown, where: string): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw invalid(`${where} of the image config is not a list of strings`);
}

function stringMap(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
