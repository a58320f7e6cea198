// The few calls the launcher makes itself, as the cluster's admin.
import { Agent, request } from 'node:https';
import type { Credential } from '../pki/certificate-authority.ts';

export interface ApiResponse {
  readonly status: number;
  readonly body: string;
}

export interface ApiClient extends Disposable {
  /** Rejects if nobody answers; every HTTP status resolves. */
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<ApiResponse>;
}

export function createApiClient(options: {
  server: string;
  certificateAuthority: string;
  user: Credential;
}): ApiClient {
  const { certificate: cert, key } = options.user;
  const agent = new Agent({ keepAlive: true, ca: options.certificateAuthority, cert, key });
  return {
    call: (method, path, body) =>
      new Promise((resolve, reject) => {
        const outgoing = request(new URL(path, options.server), { method, agent, timeout: 10_000 }, (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (text += chunk));
          response.on('error', reject);
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        });
        outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${method} ${path} within 10 s`)));
        outgoing.on('error', reject);
        if (body !== undefined) outgoing.setHeader('content-type', 'application/json');
        outgoing.end(body === undefined ? undefined : JSON.stringify(body));
      }),
    [Symbol.dispose]: () => agent.destroy(),
  };
}
