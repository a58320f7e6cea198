import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RecordedRequest } from './fake-registry.ts';

/** How the fake registry wants to be asked. Its token server is `/token` of the same address unless `realm` says otherwise. */
export interface FakeAuth {
  readonly scheme: 'basic' | 'bearer';
  /** NAME:PASSWORD; anonymous is allowed by ''. */
  readonly users: readonly string[];
  readonly identityTokens?: readonly string[];
  readonly realm?: string;
  readonly expiresIn?: number;
  /** Tokens that are valid now; a test may empty it. */
  readonly tokens: Set<string>;
}

let issued = 0;

/** @returns true if the request was answered here */
export async function authorize(
  auth: FakeAuth,
  host: string,
  recorded: RecordedRequest,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const { authorization = '' } = recorded.headers;
  if (recorded.path === '/token') {
    await token(auth, recorded, request, response);
    return true;
  }
  const allowed =
    auth.scheme === 'basic'
      ? auth.users.includes(decodeBasic(authorization))
      : auth.tokens.has(authorization.replace(/^Bearer /, ''));
  if (allowed) return false;
  const repository = /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)/.exec(recorded.path)?.[1] ?? '';
  const challenge =
    auth.scheme === 'basic'
      ? 'Basic realm="a registry, with a comma"'
      : `Bearer realm="${auth.realm ?? `http://${host}/token`}",service="fake",scope="repository:${repository}:pull"`;
  response.writeHead(401, { 'www-authenticate': challenge }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
  return true;
}

async function token(
  auth: FakeAuth,
  recorded: RecordedRequest,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let form = '';
  for await (const chunk of request) form += chunk;
  const refresh = new URLSearchParams(form).get('refresh_token');
  const allowed =
    recorded.method === 'POST'
      ? auth.identityTokens?.includes(refresh ?? '')
      : auth.users.includes(decodeBasic(recorded.headers.authorization ?? ''));
  if (!allowed) return void response.writeHead(401).end('{}');
  const fresh = `token-${++issued}`;
  auth.tokens.add(fresh);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify({
      [recorded.method === 'POST' ? 'access_token' : 'token']: fresh,
      expires_in: auth.expiresIn ?? 300,
    }),
  );
}

function decodeBasic(header: string): string {
  return header.startsWith('Basic ') ? Buffer.from(header.slice(6), 'base64').toString() : '';
}
