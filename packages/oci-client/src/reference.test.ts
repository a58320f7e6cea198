import { describe, expect, test } from 'vitest';
import { familiarReference, formatReference, parseReference } from './reference.ts';

const sha = `sha256:${'a'.repeat(64)}`;

describe('image names', () => {
  test.each([
    ['alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['alpine:3', 'docker.io/library/alpine:3', 'alpine:3'],
    ['user/app', 'docker.io/user/app:latest', 'user/app:latest'],
    ['index.docker.io/user/app', 'docker.io/user/app:latest', 'user/app:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['localhost/app:1', 'localhost/app:1', 'localhost/app:1'],
    ['localhost:5000/a/b/c:x', 'localhost:5000/a/b/c:x', 'localhost:5000/a/b/c:x'],
    ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
    ['Registry.Example/app', 'registry.example/app:latest', 'registry.example/app:latest'],
    [`ghcr.io/o/app@${sha}`, `ghcr.io/o/app@${sha}`, `ghcr.io/o/app@${sha}`],
    [`ghcr.io/o/app:1@${sha}`, `ghcr.io/o/app:1@${sha}`, `ghcr.io/o/app:1@${sha}`],
    ['a__b/c-d.e---f', 'docker.io/a__b/c-d.e---f:latest', 'a__b/c-d.e---f:latest'],
  ])('%s is %s', (text, canonical, familiar) => {
    const reference = parseReference(text);
    expect(formatReference(reference)).toBe(canonical);
    expect(familiarReference(reference)).toBe(familiar);
    expect(parseReference(canonical)).toEqual(reference);
  });

  test.each([
    ['', 'empty'],
    ['UPPER', 'lower case'],
    ['a b', 'not a repository'],
    ['a//b', 'not a repository'],
    ['a___b', 'not a repository'],
    ['-a', 'not a repository'],
    ['a:', 'not a tag'],
    [`a:${'t'.repeat(129)}`, 'not a tag'],
    ['a@sha256:12', 'digest'],
    [`a@sha1:${'a'.repeat(40)}`, 'digest'],
    ['ex ample.com:x/a', 'not a host'],
    ['../etc/passwd', 'not a host'],
    [`example.com/${'a'.repeat(250)}`, 'longer than'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: 'invalid_reference', message: expect.stringContaining(why) }),
    );
  });
});
