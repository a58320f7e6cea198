import { expect, test } from 'vitest';
import { checkRealm } from './realm-guard.ts';

const guard = (registry: string, realm: string, credentials = true, allowed: string[] = []) =>
  checkRealm(realm, new URL(registry), { credentials, allowed });

test.each([
  ['https://registry-1.docker.io', 'https://auth.docker.io/token'],
  ['https://ghcr.io', 'https://ghcr.io/token'],
  ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
  ['https://registry.example.co.uk', 'https://auth.example.co.uk/t'],
  ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token'],
])('credentials for %s may go to %s', (registry, realm) => {
  expect(guard(registry, realm).href).toBe(realm);
});

test.each([
  ['https://registry.example.com', 'https://evil.example.net/token', 'another domain'],
  ['https://registry.example.com', 'http://registry.example.com/token', 'https'],
  ['https://a.co.uk', 'https://b.co.uk/token', 'another domain'],
  ['https://me.github.io', 'https://other.github.io/token', 'another domain'],
  ['http://127.0.0.1:5000', 'http://127.0.0.2/token', 'another domain'],
  ['https://a.example', 'file:///etc/passwd', 'https'],
  ['https://a.example', 'https://user:pass@a.example/', 'credentials of its own'],
  ['https://a.example', 'token', 'not a URL'],
])('credentials for %s do not go to %s: %s', (registry, realm, why) => {
  expect(() => guard(registry, realm)).toThrow(
    expect.objectContaining({ code: 'realm_refused', message: expect.stringContaining(why) }),
  );
});

test('an allowed host gets them, and an anonymous request may go anywhere by https', () => {
  expect(guard('https://a.example', 'https://login.other.example/t', true, ['login.other.example']).host).toBe(
    'login.other.example',
  );
  expect(guard('https://a.example', 'https://login.other.example/t', false).host).toBe('login.other.example');
  expect(() => guard('https://a.example', 'http://login.other.example/t', false)).toThrow('https');
});
