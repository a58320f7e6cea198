import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { jwtVerify, SignJWT } from 'jose';

/** Signs and checks what agents carry: who they are, and which blobs they may fetch. */
export interface Identities {
  /** A token that lets the same agent come back as itself. */
  issueAgent(agentId: string): Promise<string>;
  /** The agent's id, or undefined when the token is not ours or has expired. */
  verifyAgent(token: string): Promise<string | undefined>;
  /** A capability to fetch these blobs for a while. */
  issueBlobs(agentId: string, digests: readonly string[]): Promise<string>;
  /** Whether the capability covers this blob now. */
  allowsBlob(token: string, digest: string): Promise<boolean>;
}

const ALGORITHM = 'HS256';
const AGENT_LIFETIME = '30d';
const BLOB_LIFETIME = '1h';

/** @param file holds the signing secret; made when it does not exist, so that identities outlive a restart */
export async function openIdentities(file: string): Promise<Identities> {
  const secret = await loadSecret(file);

  async function sign(
    audience: string,
    subject: string,
    claims: Record<string, unknown>,
    lifetime: string,
  ): Promise<string> {
    return new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM })
      .setAudience(audience)
      .setSubject(subject)
      .setExpirationTime(lifetime)
      .sign(secret);
  }

  async function verify(audience: string, token: string): Promise<{ sub?: string; blobs?: unknown } | undefined> {
    try {
      return (await jwtVerify(token, secret, { audience, algorithms: [ALGORITHM] })).payload;
    } catch {
      return undefined;
    }
  }

  return {
    issueAgent: (agentId) => sign('agent', agentId, {}, AGENT_LIFETIME),
    verifyAgent: async (token) => (await verify('agent', token))?.sub,
    issueBlobs: (agentId, digests) => sign('blobs', agentId, { blobs: digests }, BLOB_LIFETIME),
    allowsBlob: async (token, digest) => {
      const blobs = (await verify('blobs', token))?.blobs;
      return Array.isArray(blobs) && blobs.includes(digest);
    },
  };
}

async function loadSecret(file: string): Promise<Uint8Array> {
  try {
    const secret = await readFile(file);
    if (secret.length >= 32) return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = randomBytes(32);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, secret, { mode: 0o600 });
  return secret;
}
