import type { Credential, TreeEntry } from '@wigeon/oci-client';

/** What a container needs. */
export interface ImageRequest {
  /** As in the pod. */
  readonly image: string;
  readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Docker configs of the pod's and its ServiceAccount's pull secrets, in the kubelet's order. */
  readonly secrets?: readonly PullSecret[];
  /** The container's `command`: its first word names the module in place of the image's entrypoint. */
  readonly command?: readonly string[];
  /** The pod's annotations; they may mark a linux image as Wasm. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The registry is about to be asked for content. */
  readonly onPulling?: () => void;
  /** A warning of the registry for its users, each once per process. */
  readonly onWarning?: (text: string) => void;
}

/** The data of a Secret, decoded. Another type, or one without its key, is passed over as the kubelet does. */
export interface PullSecret {
  readonly type: string | undefined;
  readonly data: Readonly<Record<string, string>>;
}

/** An image made ready to run: a checked module and a read-only file tree, all by digest. */
export interface Bundle {
  /** `HOST/PATH@DIGEST` for `status.imageID`. */
  readonly imageId: string;
  readonly module: { readonly digest: string; readonly size: number };
  /** Exported function to call: `_start`, or what `path#function` names. */
  readonly function: string;
  /** Everything below the image's root, sorted by path; the contents are blobs of the store. Empty for artifacts. */
  readonly files: readonly TreeEntry[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
}

export interface EnsuredImage {
  readonly bundle: Bundle;
  /** `bytes` is the size of the image, `transferred` what came over the network for it; null: the registry was not asked. */
  readonly pulled: {
    readonly milliseconds: number;
    readonly bytes: number;
    readonly transferred: number;
  } | null;
}

/** A credential to try, or none. */
export type Candidate = Credential | undefined;
