import { describe, expect, test } from 'vitest';
import { parseReference } from '../reference.ts';
import { Keyring, parseDockerConfig } from './keyring.ts';

const auth = (user: string) => ({ auth: btoa(`${user}:secret:with:colons`) });
const config = (...locations: string[]) =>
  parseDockerConfig(
    JSON.stringify({ auths: Object.fromEntries(locations.map((location) => [location, auth(location)])) }),
  );
const users = (keyring: Keyring, image: string) =>
  keyring
    .candidates(parseReference(image))
    .map((credential) => (credential.kind === 'basic' ? credential.username : credential.kind));

describe('matching, as the kubelet does it', () => {
  test.each([
    [['registry.example'], 'registry.example/a/b', ['registry.example']],
    [['https://registry.example/v1/'], 'registry.example/a', ['https://registry.example/v1/']],
    [['https://registry.example/v2/team'], 'registry.example/team/a', ['https://registry.example/v2/team']],
    [['registry.example:5000'], 'registry.example/a', []],
    [['registry.example'], 'registry.example:5000/a', []],
    [['*.example'], 'registry.example/a', ['*.example']],
    [['*.example'], 'a.b.example/a', []],
    [['reg*.*'], 'registry.example/a', ['reg*.*']],
    [
      ['registry.example/foo', 'registry.example'],
      'registry.example/foobar',
      ['registry.example/foo', 'registry.example'],
    ],
    [
      ['registry.example/foo', 'registry.example/foo/bar'],
      'registry.example/foo/bar',
      ['registry.example/foo/bar', 'registry.example/foo'],
    ],
    [['registry.example/other'], 'registry.example/foo', []],
    [['https://index.docker.io/v1/'], 'alpine', ['https://index.docker.io/v1/']],
    [['https://index.docker.io/v1/'], 'quay.io/a/b', []],
    [['docker.io', 'index.docker.io'], 'alpine', ['docker.io']],
  ])('%j for %s', (locations, image, expected) => {
    // The username is the location up to its first colon.
    expect(users(config(...locations), image)).toEqual(expected.map((location) => location.split(':')[0]));
  });
});

test('auth wins over the plain fields and is split at its first colon', () => {
  const keyring = parseDockerConfig(
    JSON.stringify({ auths: { 'r.example': { ...auth('a'), username: 'b', password: 'c' } } }),
  );
  expect(keyring.candidates(parseReference('r.example/x'))).toEqual([
    { kind: 'basic', username: 'a', password: 'secret:with:colons' },
  ]);
});

test('a dockercfg has no auths around it; identity and registry tokens are understood', () => {
  const text = JSON.stringify({
    'r.example': { username: 'u', password: 'p' },
    's.example': { identitytoken: 'i' },
    't.example': { registrytoken: 'r' },
  });
  const keyring = parseDockerConfig(text, { bare: true });
  expect(keyring.candidates(parseReference('r.example/x'))).toEqual([{ kind: 'basic', username: 'u', password: 'p' }]);
  expect(keyring.candidates(parseReference('s.example/x'))).toEqual([{ kind: 'identity', identityToken: 'i' }]);
  expect(keyring.candidates(parseReference('t.example/x'))).toEqual([{ kind: 'bearer', token: 'r' }]);
});

test('several keyrings give all their credentials once', () => {
  const a = config('r.example');
  expect(Keyring.lookup([a, a, config('*.example')], parseReference('r.example/x'))).toHaveLength(2);
});

test.each(['not json', '{"auths":{"r.example":{"auth":"!!!"}}}', '{"auths":{"r.example":{"auth":"bm9jb2xvbg=="}}}'])(
  'what cannot be read is an error that does not quote it: %s',
  (text) => {
    expect(() => parseDockerConfig(text)).toThrow(
      expect.objectContaining({ code: 'invalid_credentials', message: expect.not.stringContaining(text) }),
    );
  },
);

test('entries that are no credential are left out', () => {
  expect(users(parseDockerConfig('{"auths":{"r.example":{}, "s.example":7}}'), 'r.example/x')).toEqual([]);
  expect(users(parseDockerConfig('{}'), 'r.example/x')).toEqual([]);
});
