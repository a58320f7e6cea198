/** The media types of image-spec 1.1 and of the Docker formats that mean the same. */
export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  empty: 'application/vnd.oci.empty.v1+json',
  layerTar: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  /** Config and layer of the CNCF Wasm artifact (tag-runtime.cncf.io, "Wasm OCI Artifact layout"). */
  wasmConfig: 'application/vnd.wasm.config.v0+json',
  wasm: 'application/wasm',
} as const;

/** What every manifest request accepts; a registry may hide an index from clients that do not name its type. */
export const manifestAccept: string = [
  mediaTypes.index,
  mediaTypes.manifest,
  mediaTypes.dockerList,
  mediaTypes.dockerManifest,
].join(', ');

export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.index || mediaType === mediaTypes.dockerList;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === mediaTypes.manifest || mediaType === mediaTypes.dockerManifest;
}

export function isImageConfigType(mediaType: string): boolean {
  return mediaType === mediaTypes.config || mediaType === mediaTypes.dockerConfig;
}

/** Layers that are a tar archive, whatever their compression: that is told by their first bytes. */
export function isFileSystemLayer(mediaType: string): boolean {
  return /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[.+](?:gzip|zstd))?$/.test(
    mediaType,
  );
}

/** Layers that are a Wasm binary: runwasi's two, the CNCF artifact's, wasm-to-oci's and wasmCloud's. */
export function isWasmLayer(mediaType: string): boolean {
  return (
    mediaType === mediaTypes.wasm ||
    mediaType === 'application/vnd.bytecodealliance.wasm.component.layer.v0+wasm' ||
    mediaType === 'application/vnd.wasm.content.layer.v1+wasm' ||
    mediaType === 'application/vnd.module.wasm.content.layer.v1+wasm'
  );
}

/** A `Content-Type` without its parameters, lower case. */
export function baseType(contentType: string | null): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}
