// What a gateway serves so that a site can load the agent. The only file of this package that needs esbuild.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { AgentError } from '../error.ts';

/** One file of the agent, ready to be sent. */
export interface AgentAsset {
  readonly body: Uint8Array;
  readonly contentType: string;
  /** All headers but `content-type`; an `etag` among them. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface AgentAssetsOptions {
  /** Shorter files without source maps; default true. */
  readonly minify?: boolean;
}

/** Isolation of frame and workers (browser.md section 5.2): every part of the frame must carry it. */
const ISOLATION = {
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'cross-origin',
  'document-isolation-policy': 'isolate-and-require-corp',
} as const;
/** The guest worker reaches nothing: not even code that broke out of its module could send a byte but to its owner. */
const GUEST_POLICY = "default-src 'none'; script-src 'wasm-unsafe-eval'";
const COORDINATOR_POLICY = "default-src 'none'; script-src 'wasm-unsafe-eval'; connect-src 'self' ws: wss:";
/** The name carries a hash of the content, so the file never changes. */
const FOREVER = 'public, max-age=31536000, immutable';

/**
 * Bundles the agent. The keys are paths under the gateway: `/agent.js` (the site's script tag), `/agent/frame.html`, and
 * the frame's workers under names that carry a hash of their content. A gateway serves each under its own key and answers
 * `if-none-match` from `headers.etag`.
 * @throws AgentError `bundle`
 */
export async function buildAgentAssets(options: AgentAssetsOptions = {}): Promise<ReadonlyMap<string, AgentAsset>> {
  const { minify = true } = options;
  const [loader, guest, coordinator] = await Promise.all([
    bundle('loader/loader.page.ts', { minify }),
    bundle('guest/guest.worker.ts', { minify }),
    bundle('coordinator/coordinator.worker.ts', { minify }),
  ]);
  const guestFile = `guest.${hash(guest)}.js`;
  const coordinatorFile = `coordinator.${hash(coordinator)}.js`;
  const frame = await bundle('frame/frame.page.ts', {
    minify,
    define: { COORDINATOR_FILE: JSON.stringify(coordinatorFile), GUEST_FILE: JSON.stringify(guestFile) },
  });
  const html = `<!doctype html><meta charset="utf-8"><title>wigeon agent</title><script>${frame}</script>\n`;
  const framePolicy = `default-src 'none'; script-src 'sha256-${createHash('sha256').update(frame).digest('base64')}'; worker-src 'self'`;
  return new Map([
    [
      '/agent.js',
      asset(loader, 'text/javascript', {
        'cache-control': 'public, max-age=300',
        'cross-origin-resource-policy': 'cross-origin',
        'access-control-allow-origin': '*',
      }),
    ],
    [
      '/agent/frame.html',
      asset(html, 'text/html', { ...ISOLATION, 'cache-control': 'no-cache', 'content-security-policy': framePolicy }),
    ],
    [
      `/agent/${coordinatorFile}`,
      asset(coordinator, 'text/javascript', {
        ...ISOLATION,
        'cache-control': FOREVER,
        'content-security-policy': COORDINATOR_POLICY,
      }),
    ],
    [
      `/agent/${guestFile}`,
      asset(guest, 'text/javascript', {
        ...ISOLATION,
        'cache-control': FOREVER,
        'content-security-policy': GUEST_POLICY,
      }),
    ],
  ]);
}

async function bundle(entry: string, options: BuildOptions): Promise<string> {
  try {
    const result = await build({
      entryPoints: [join(import.meta.dirname, '..', entry)],
      bundle: true,
      format: 'iife',
      platform: 'browser',
      target: ['chrome120', 'firefox128', 'safari17'],
      legalComments: 'none',
      logLevel: 'silent',
      ...options,
      write: false,
    });
    return result.outputFiles[0]!.text.trimEnd();
  } catch (cause) {
    throw new AgentError('bundle', `the agent's ${entry} could not be bundled: ${(cause as Error).message}`, { cause });
  }
}

function asset(text: string, type: string, headers: Record<string, string>): AgentAsset {
  return {
    body: new TextEncoder().encode(text),
    contentType: `${type}; charset=utf-8`,
    headers: {
      ...headers,
      etag: `"${hash(text)}"`,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
