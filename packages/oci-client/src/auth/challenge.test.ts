import { expect, test } from 'vitest';
import { parseChallenges } from './challenge.ts';

test.each([
  [
    'Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push"',
    [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://auth.example/token', service: 'registry', scope: 'repository:a/b:pull,push' },
      },
    ],
  ],
  [
    'Basic realm="a \\"quoted\\" word, and a comma"',
    [{ scheme: 'basic', parameters: { realm: 'a "quoted" word, and a comma' } }],
  ],
  [
    'Negotiate, Basic realm=simple, Bearer realm = "x" , service=y',
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'simple' } },
      { scheme: 'bearer', parameters: { realm: 'x', service: 'y' } },
    ],
  ],
  ['', []],
  ['Bearer realm="never closed', [{ scheme: 'bearer', parameters: {} }]],
  ['"nonsense"', []],
])('%s', (header, challenges) => {
  expect(parseChallenges(header)).toEqual(challenges);
});
