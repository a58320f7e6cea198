// OCI registry client: names, resolution, verified pull, push, referrers, layers, and the choice of a Wasm module.
// What is made for Node alone lies in `node/`: its hashing, connections, decompression and tar.
export type { Credential } from './auth/credential.ts';
export { Keyring, parseDockerConfig } from './auth/keyring.ts';
export { type ImageFile, type ImageSpec, type ImageSpecOptions, imageFromModule } from './build/image-spec.ts';
export type { FetchedManifest } from './client/pull.ts';
export type { BlobSource, PushOutcome } from './client/push.ts';
export type { Repository } from './client/repository.ts';
export type { ResolvedImage } from './client/resolve.ts';
export { type Digest, digestHex, isDigest } from './digest.ts';
export { OciError, type OciErrorCode } from './error.ts';
export { FileTree } from './layers/file-tree.ts';
export type { FileEntry, LayerEntry, TreeEntry } from './layers/layer-entry.ts';
export { LayerBudget, type LayerLimits } from './layers/limits.ts';
export { type Descriptor, type ImageConfig, type ImageManifest, parseImageConfig } from './manifest.ts';
export { isImageConfigType, mediaTypes } from './media-types.ts';
export { type BuiltImage, buildImage } from './node/build-image.ts';
export { collectFiles } from './node/collect-files.ts';
export { createNodeHasher } from './node/create-hasher.ts';
export { readDockerConfig } from './node/docker-config.ts';
export { type PushedImage, type PushOptions, pushImage, pushIndex, withPlainHttp } from './node/push-image.ts';
export {
  createRegistryClient,
  type NodeRegistryClient,
  type NodeRegistryClientOptions,
} from './node/registry-client.ts';
export { type SaveOptions, saveLayout } from './node/save-layout.ts';
export { type FileSink, unpackLayer } from './node/unpack-layer.ts';
export { marksWasm, type PlatformChoice } from './platform.ts';
export { familiarReference, formatReference, parseReference, type Reference } from './reference.ts';
export type { HostOptions, Hosts, Mirror } from './transport/hosts.ts';
export { checkModule, type ReadAt, wasmKind } from './wasm/check-module.ts';
export { chooseSource, type ImageShape, type ModuleSource } from './wasm/choose-source.ts';
export { type EntryModule, findEntry } from './wasm/find-entry.ts';
