import { type BuiltImage, mediaTypes } from '@wigeon/oci-client';
import { type LayerFile, layerTar } from './layer.ts';

/**
 * An image as an OCI image layout in a tar archive (image-spec, image-layout.md), which `ctr images import` and others
 * read. @param name the full name under which containerd shall keep it
 */
export function ociLayout(image: BuiltImage, name: string): Promise<Uint8Array> {
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name };
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [{ ...image.descriptor, annotations }],
  };
  const files: LayerFile[] = [...image.blobs, [image.descriptor.digest, image.bytes] as const].map(
    ([digest, content]) => ({ path: `/blobs/${digest.replace(':', '/')}`, content }),
  );
  return layerTar([
    ...files,
    { path: '/oci-layout', content: Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' })) },
    { path: '/index.json', content: Buffer.from(JSON.stringify(index)) },
  ]);
}
