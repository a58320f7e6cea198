import { type Credential, Keyring, parseDockerConfig, type Reference } from '@wigeon/oci-client';
import type { PullSecret } from './image-request.ts';

/**
 * The credentials of pull secrets that match an image, best first, by the kubelet's rules: a secret of another type or
 * without data is passed over, one that is not JSON is an error.
 *
 * @throws OciError `invalid_credentials`
 */
export function matchingCredentials(
  secrets: readonly PullSecret[],
  extra: readonly Keyring[],
  reference: Reference,
): Credential[] {
  const keyrings = secrets.flatMap(({ type, data }) => {
    const json = data['.dockerconfigjson'];
    if (type === 'kubernetes.io/dockerconfigjson' && json) return [parseDockerConfig(json)];
    const bare = data['.dockercfg'];
    if (type === 'kubernetes.io/dockercfg' && bare) return [parseDockerConfig(bare, { bare: true })];
    return [];
  });
  return Keyring.lookup([...keyrings, ...extra], reference);
}
