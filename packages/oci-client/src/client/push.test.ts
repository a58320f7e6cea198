import { describe, expect, test } from 'vitest';
import { connect, start } from '../../test/connect.ts';
import { addImage, digestOf, noiseOf } from '../../test/index.ts';
import { referrersTag } from '../client/referrers.ts';
import { mediaTypes } from '../media-types.ts';

describe('push', () => {
  const content = noiseOf(10_000);
  const source = {
    digest: digestOf(content),
    size: content.length,
    open: (from: number, to: number) => content.subarray(from, to),
  };

  test('in one piece; what is there is not sent again', async () => {
    const registry = await start();
    const { repository } = connect(registry);
    expect(await repository.pushBlob(source)).toBe('uploaded');
    expect(await repository.pushBlob(source)).toBe('present');
    expect(Buffer.from(registry.blobs.get(source.digest)!).equals(content)).toBe(true);
    expect(registry.seen('/blobs/uploads/').map(({ method }) => method)).toEqual(['POST', 'PUT']);
    expect(registry.seen('/blobs/uploads/', 'PUT')[0]!.headers['content-length']).toBe('10000');
  });

  test('a stream is sent with its length', async () => {
    const registry = await start();
    const stream = { ...source, open: () => new Blob([Uint8Array.from(content)]).stream() };
    expect(await connect(registry).repository.pushBlob(stream)).toBe('uploaded');
    expect(registry.seen('/blobs/uploads/', 'PUT')[0]!.headers['content-length']).toBe('10000');
  });

  test('in pieces no smaller than the registry wants', async () => {
    const registry = await start({ chunkMinimum: 4000 });
    let progress = 0;
    expect(
      await connect(registry).repository.pushBlob(source, {
        chunkSize: 1000,
        onProgress: (count) => (progress += count),
      }),
    ).toBe('uploaded');
    expect(registry.seen('/blobs/uploads/', 'PATCH').map(({ headers }) => headers['content-range'])).toEqual([
      '0-3999',
      '4000-7999',
      '8000-9999',
    ]);
    expect(progress).toBe(content.length);
  });

  test('a piece that broke is continued from where the registry is', async () => {
    const registry = await start();
    registry.interceptTimes(
      1,
      ({ method, headers }) => method === 'PATCH' && headers['content-range'] === '3000-5999',
      (_, response) => !!response.destroy(),
    );
    expect(await connect(registry).repository.pushBlob(source, { chunkSize: 3000 })).toBe('uploaded');
    expect(Buffer.from(registry.blobs.get(source.digest)!).equals(content)).toBe(true);
  });

  test('a blob of a neighbour repository is mounted, with both scopes', async () => {
    const tokens = new Set<string>();
    const registry = await start({ auth: { scheme: 'bearer', users: [''], tokens } });
    const { repository } = connect(registry);
    registry.addBlob(content);
    registry.interceptTimes(
      1,
      ({ method }) => method === 'HEAD',
      (_, response) => !!response.writeHead(404).end(),
    );
    expect(await repository.pushBlob(source, { mountFrom: 'team/base' })).toBe('mounted');
    expect(registry.seen('/token').at(-1)!.query.getAll('scope')).toEqual([
      'repository:team/app:pull,push',
      'repository:team/base:pull',
    ]);
  });

  test('deleting and listing tags over many pages', async () => {
    const registry = await start();
    for (let at = 0; at < 25; at++) await addImage(registry, 'team/app', `t${at}`, { config: { Cmd: [`${at}`] } });
    const { repository } = connect(registry);
    const tags = await repository.tags({ pageSize: 10 });
    expect(tags).toEqual(Array.from({ length: 25 }, (_, at) => `t${at}`).sort());
    expect(registry.seen('/tags/list').length).toBe(3);
    await repository.delete('t3');
    expect(await repository.tags()).not.toContain('t3');
    await expect(repository.delete('t3')).rejects.toThrow(expect.objectContaining({ code: 'not_found' }));
  });

  test.each([true, false])('referrers are listed both ways (by the registry: %s)', async (referrers) => {
    const registry = await start({ referrers });
    const subject = await addImage(registry, 'team/app', '1');
    const { repository } = connect(registry);
    expect(await repository.referrers(subject.digest)).toEqual([]);
    for (const kind of ['sbom', 'signature']) {
      const parsed = {
        kind: 'manifest' as const,
        mediaType: mediaTypes.manifest,
        artifactType: `application/${kind}`,
        config: registry.addBlob(Buffer.from('{}'), mediaTypes.empty),
        layers: [],
        subject,
        annotations: { is: kind },
      };
      const { kind: _, ...body } = parsed;
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, ...body }));
      await repository.pushManifest({ mediaType: mediaTypes.manifest, bytes, parsed });
    }
    const types = (await repository.referrers(subject.digest)).map(({ artifactType }) => artifactType).sort();
    expect(types).toEqual(['application/sbom', 'application/signature']);
    expect(await repository.referrers(subject.digest, { artifactType: 'application/sbom' })).toHaveLength(1);
    expect(registry.manifests.has(`team/app@${referrersTag(subject.digest)}`)).toBe(!referrers);
  });
});
