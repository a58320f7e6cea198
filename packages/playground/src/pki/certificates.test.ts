import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createCertificateAuthority } from './certificate-authority.ts';
import { createNodeCredentials } from './node-credentials.ts';

const authority = await createCertificateAuthority('test');
const root = new X509Certificate(authority.certificate);

test('the authority signs itself and is a CA', () => {
  expect(root.ca).toBe(true);
  expect(root.verify(root.publicKey)).toBe(true);
});

test('a client certificate carries the Kubernetes user and group, and its own key', async () => {
  const { certificate, key } = await authority.client({ commonName: 'system:node:a', organization: 'system:nodes' });
  const parsed = new X509Certificate(certificate);
  expect(parsed.subject).toBe('O=system:nodes\nCN=system:node:a');
  expect(parsed.checkIssued(root) && parsed.verify(root.publicKey)).toBe(true);
  expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(parsed.ca).toBe(false);
});

test('a serving certificate is good for the addresses it was made for, and for no others', async () => {
  const { certificate } = await authority.server({
    commonName: 'a',
    dnsNames: ['a.example'],
    addresses: ['127.0.0.1', '::1'],
  });
  const parsed = new X509Certificate(certificate);
  expect(parsed.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(parsed.checkIP('::1')).toBe('::1');
  expect(parsed.checkIP('127.0.0.2')).toBeUndefined();
  expect(parsed.checkHost('a.example')).toBe('a.example');
});

test('a name cannot smuggle further attributes into a subject', async () => {
  const { certificate } = await authority.client({ commonName: 'a, O=system:masters' });
  expect(new X509Certificate(certificate).subject).toBe('CN=a\\, O=system:masters');
});

test("a node's files are readable by their owner only, and name the node", async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wigeon-pki-'));
  try {
    const cluster = { authority, authorityFile: 'ca.crt', server: 'https://127.0.0.1:1', directory };
    const node = await createNodeCredentials({ nodeName: 'lake-1.example', addresses: ['192.0.2.1'] }, cluster);
    const serving = new X509Certificate(await readFile(node.serving.certificate));
    expect(serving.subjectAltName).toBe('DNS:lake-1.example, DNS:localhost, IP Address:192.0.2.1');
    for (const file of [node.kubeconfig, node.serving.key]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { users } = JSON.parse(await readFile(node.kubeconfig, 'utf8'));
    expect(users[0].name).toBe('system:node:lake-1.example');
    await expect(createNodeCredentials({ nodeName: '../a' }, cluster)).rejects.toThrow('nodeName: "../a" is not');
  } finally {
    await rm(directory, { recursive: true });
  }
});
