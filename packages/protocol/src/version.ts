import { ProtocolError } from './error.ts';

/** Versions this build speaks, newest first. */
export const supportedVersions: readonly number[] = [1];

/**
 * The newest version both sides speak.
 * @throws ProtocolError `unsupported-version` when there is none; the message names both lists.
 */
export function negotiateVersion(offered: readonly number[], supported: readonly number[] = supportedVersions): number {
  const common = supported.find((version) => offered.includes(version));
  if (common !== undefined) return common;
  throw new ProtocolError(
    'unsupported-version',
    `no common protocol version: the peer speaks ${offered.join(', ') || 'none'}, this side speaks ${supported.join(', ')}`,
  );
}
