import type { Credential } from './certificate-authority.ts';

export interface KubeconfigOptions {
  readonly server: string;
  /** PEM. */
  readonly certificateAuthority: string;
  readonly user: string;
  readonly credential: Credential;
}

/** The text of a kubeconfig that needs no other file. It is JSON, which is YAML too. */
export function kubeconfig(options: KubeconfigOptions): string {
  const { user, credential } = options;
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'wigeon-playground',
        cluster: { server: options.server, 'certificate-authority-data': base64(options.certificateAuthority) },
      },
    ],
    users: [
      {
        name: user,
        user: {
          'client-certificate-data': base64(credential.certificate),
          'client-key-data': base64(credential.key),
        },
      },
    ],
    contexts: [{ name: 'wigeon-playground', context: { cluster: 'wigeon-playground', user } }],
    'current-context': 'wigeon-playground',
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
