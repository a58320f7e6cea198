import { OciError } from '../error.ts';
import type { Descriptor, ImageConfig, ImageManifest } from '../manifest.ts';
import { isFileSystemLayer, isImageConfigType, isWasmLayer, mediaTypes } from '../media-types.ts';
import { isWasmArchitecture, marksWasm } from '../platform.ts';

/**
 * How Wasm is shipped: A root file system, B the same in a linux image that says so by annotation, C a Wasm layer under
 * an image config (runwasi), D the CNCF Wasm artifact, E wasm-to-oci and its followers (wasmCloud's as well).
 */
export type ImageShape = 'A' | 'B' | 'C' | 'D' | 'E';

/** Where the module is: it is a layer, or a file among the unpacked layers. */
export type ModuleSource =
  | { readonly from: 'layer'; readonly shape: 'C' | 'D' | 'E'; readonly layer: Descriptor }
  | { readonly from: 'files'; readonly shape: 'A' | 'B'; readonly layers: readonly Descriptor[] };

/**
 * Finds the module's place by the manifest, its config and annotations (of the manifest, its index entry or the pod).
 * The platform's text decides nothing about module or component: the header's bytes do, later.
 *
 * @param config undefined where the config is not an image config
 * @throws OciError `spin_application`, `no_wasm`, `unsupported_media_type`
 */
export function chooseSource(
  manifest: ImageManifest,
  config: ImageConfig | undefined,
  annotations: Readonly<Record<string, string>>,
): ModuleSource {
  if (isSpin(manifest, config)) {
    throw new OciError(
      'spin_application',
      'this image is a Spin application: it needs the Spin runtime. Push its module on its own (wigeon push) to run it here',
    );
  }
  const wasmLayer = manifest.layers.find(({ mediaType }) => isWasmLayer(mediaType));
  const isImage = isImageConfigType(manifest.config.mediaType);
  // runwasi looks at Wasm layers of images for the wasm architecture only.
  if (wasmLayer && (!isImage || isWasmArchitecture(config?.architecture ?? ''))) {
    return { from: 'layer', shape: artifactShape(manifest, isImage), layer: wasmLayer };
  }
  if (!isImage) {
    const type = manifest.artifactType ?? manifest.config.mediaType;
    throw new OciError('no_wasm', `no Wasm in this image: it is an artifact of type ${type} without a Wasm layer`);
  }
  const strange = manifest.layers.find(({ mediaType }) => !isFileSystemLayer(mediaType));
  if (strange)
    throw new OciError('unsupported_media_type', `a layer is of type ${strange.mediaType}, which cannot be unpacked`);
  if (isWasmArchitecture(config?.architecture ?? '')) return { from: 'files', shape: 'A', layers: manifest.layers };
  if (marksWasm(annotations)) return { from: 'files', shape: 'B', layers: manifest.layers };
  throw new OciError(
    'no_wasm',
    `no Wasm in this image: it is for ${config?.os || 'no os'}/${config?.architecture || 'no architecture'}. ` +
      'If it does hold Wasm, build it for wasi/wasm or annotate it with module.wasm.image/variant=compat',
  );
}

function artifactShape(manifest: ImageManifest, isImage: boolean): 'C' | 'D' | 'E' {
  if (isImage) return 'C';
  return manifest.config.mediaType === mediaTypes.wasmConfig ? 'D' : 'E';
}

function isSpin(manifest: ImageManifest, config: ImageConfig | undefined): boolean {
  return (
    config?.config.Labels['com.fermyon.spin.lockedAppDigest'] !== undefined ||
    manifest.layers.some(({ mediaType }) => /fermyon\.spin\.application/.test(mediaType))
  );
}
