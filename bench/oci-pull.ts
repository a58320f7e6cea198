// One pull in a process of its own: `layout` keeps blobs as they are, `store` unpacks and checks them for running.
// Arguments: layout|store IMAGE DIRECTORY

import { createRegistryClient, parseReference, saveLayout } from '@wigeon/oci-client';

const loaded = performance.now();
const [mode = '', image = '', directory = ''] = process.argv.slice(2);
const reference = parseReference(image);
await using client = createRegistryClient({ hosts: { [reference.registry]: { plainHttp: true } } });
if (mode === 'layout') {
  const repository = client.repository(reference);
  const resolved = await repository.resolve(reference.tag ?? 'latest', { components: false, annotations: {} });
  await saveLayout(repository, resolved, directory);
} else {
  const { ImageStore } = await import('../packages/node/src/images/index.ts');
  await using store = await ImageStore.open({ directory, client });
  await store.ensure({ image, pullPolicy: 'Always', signal: new AbortController().signal });
}
// What a process that runs already would have needed.
process.stdout.write(`${performance.now() - loaded}`);
