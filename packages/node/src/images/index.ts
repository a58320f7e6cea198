// The images of this node: pulled, verified, unpacked, kept, collected, and handed to agents by digest.
export { blobResponse } from './blob-response.ts';
export { ImageError, type ImageErrorCode } from './image-error.ts';
export type { Bundle, EnsuredImage, ImageRequest, PullSecret } from './image-request.ts';
export { ImageStore } from './image-store.ts';
export { imagePullDelay } from './pull-backoff.ts';
