import { OciError } from '../error.ts';
import type { Descriptor, Platform } from '../manifest.ts';
import { parsePlatform } from '../platform.ts';

/** A file to put into an image. */
export interface ImageFile {
  /** Absolute path in the image. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits; default 0o644. */
  readonly mode?: number;
}

/** What an image is to be; a value that `buildImage` turns into bytes, the same bytes each time. */
export interface ImageSpec {
  readonly as: 'image' | 'artifact';
  readonly module: Uint8Array;
  /** Where the module lies in the image. */
  readonly path: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=VALUE`. */
  readonly env: readonly string[];
  readonly workingDir: string;
  /** `wasip1/wasm` unless said otherwise. */
  readonly platform: Platform;
  readonly files: readonly ImageFile[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly subject: Descriptor | undefined;
  readonly compression: 'gzip' | 'none';
}

export interface ImageSpecOptions extends Partial<Omit<ImageSpec, 'module' | 'platform' | 'subject'>> {
  /** `os/architecture`, such as `wasi/wasm`. */
  readonly platform?: string;
  /** Makes the image a referrer of another. */
  readonly subject?: Descriptor;
}

/**
 * An image that holds one Wasm module: a root file system with the module at `path` as its entrypoint, or with
 * `as: 'artifact'` the CNCF Wasm artifact, which can hold neither files nor entrypoint.
 *
 * ```ts
 * await pushImage(imageFromModule(bytes, { entrypoint: ['/hello.wasm'], path: '/hello.wasm' }), 'localhost:5000/hello:1');
 * ```
 * @throws OciError `wasm_malformed` if the bytes are not Wasm, `invalid_configuration` for what cannot be put into an image
 */
export function imageFromModule(module: Uint8Array, options: ImageSpecOptions = {}): ImageSpec {
  const { as = 'image', path = '/app.wasm', platform = 'wasip1/wasm', subject } = options;
  if (module[0] !== 0 || module[1] !== 0x61 || module[2] !== 0x73 || module[3] !== 0x6d) {
    throw new OciError('wasm_malformed', 'the file to push is not Wasm: it does not begin with \\0asm');
  }
  const parsed = parsePlatform(platform);
  if (!parsed) throw invalid(`the platform ${JSON.stringify(platform)} is not OS/ARCHITECTURE`);
  const spec: ImageSpec = {
    as,
    module,
    path,
    entrypoint: options.entrypoint ?? [path],
    cmd: options.cmd ?? [],
    env: options.env ?? [],
    workingDir: options.workingDir ?? '/',
    platform: parsed,
    files: options.files ?? [],
    annotations: options.annotations ?? {},
    subject,
    compression: options.compression ?? 'gzip',
  };
  for (const pair of spec.env)
    if (!/^[^=]+=/.test(pair)) throw invalid(`the environment entry ${JSON.stringify(pair)} is not NAME=VALUE`);
  for (const { path } of [{ path: spec.path }, ...spec.files]) {
    if (!/^\/[^/\0]+(?:\/[^/\0]+)*$/.test(path) || path.split('/').includes('..')) {
      throw invalid(`${JSON.stringify(path)} is not an absolute path of a file`);
    }
  }
  if (as === 'artifact' && (spec.files.length > 0 || options.entrypoint || options.cmd || options.env)) {
    throw invalid('an artifact holds the module only: files, entrypoint, arguments and environment need an image');
  }
  return spec;
}

function invalid(why: string): OciError {
  return new OciError('invalid_configuration', why);
}
