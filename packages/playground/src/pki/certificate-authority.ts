// One certificate authority for a playground, and the certificates it signs.
import 'reflect-metadata'; // @peculiar/x509 wants it loaded first.
import * as x509 from '@peculiar/x509';

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMilliseconds = 24 * 60 * 60 * 1000;
// A playground lives for minutes; one that somebody leaves running for months must not stop by itself.
const validMilliseconds = 365 * dayMilliseconds;

/** A certificate and its key, both PEM; the key is PKCS #8. */
export interface Credential {
  readonly certificate: string;
  readonly key: string;
}

/** Who a certificate is for: Kubernetes reads the user from the common name and its groups from the organisations. */
export interface Subject {
  readonly commonName: string;
  readonly organization?: string;
}

export interface ServingSubject extends Subject {
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
}

export interface CertificateAuthority extends Credential {
  /** Signs a certificate that authenticates a client. */
  client(subject: Subject): Promise<Credential>;
  /** Signs a certificate that authenticates a server under the names and addresses given. */
  server(subject: ServingSubject): Promise<Credential>;
}

/** Makes a new authority with a key of its own. */
export async function createCertificateAuthority(commonName: string): Promise<CertificateAuthority> {
  const keys = await generateKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: distinguishedName({ commonName }),
    keys,
    ...validity(),
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  const sign = async (
    subject: Subject,
    usage: x509.ExtendedKeyUsage,
    alternativeNames: x509.JsonGeneralNames,
  ): Promise<Credential> => {
    const subjectKeys = await generateKeys();
    const extensions: x509.Extension[] = [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ];
    if (alternativeNames.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(alternativeNames));
    const certificate = await x509.X509CertificateGenerator.create({
      subject: distinguishedName(subject),
      issuer: authority.subject,
      publicKey: subjectKeys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: keyAlgorithm,
      ...validity(),
      extensions,
    });
    return { certificate: pem(certificate), key: await exportPrivateKey(subjectKeys.privateKey) };
  };

  return {
    certificate: pem(authority),
    key: await exportPrivateKey(keys.privateKey),
    client: (subject) => sign(subject, x509.ExtendedKeyUsage.clientAuth, []),
    server: ({ dnsNames, addresses, ...subject }) =>
      sign(subject, x509.ExtendedKeyUsage.serverAuth, [
        ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
  };
}

/** A key pair in PEM (SPKI and PKCS #8), as ServiceAccount tokens are signed with. */
export async function createKeyPair(): Promise<{ publicKey: string; privateKey: string }> {
  const keys = await generateKeys();
  const spki = await crypto.subtle.exportKey('spki', keys.publicKey);
  return {
    publicKey: `${x509.PemConverter.encode(spki, 'PUBLIC KEY')}\n`,
    privateKey: await exportPrivateKey(keys.privateKey),
  };
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
}

async function exportPrivateKey(key: CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

// Built from parts: in the text form a node's name could smuggle in further attributes.
function distinguishedName(subject: Subject): x509.JsonName {
  const name: x509.JsonName = [{ CN: [subject.commonName] }];
  if (subject.organization !== undefined) name.unshift({ O: [subject.organization] });
  return name;
}

function validity(): { notBefore: Date; notAfter: Date } {
  // A minute back, for clocks of virtual machines that step.
  const now = Date.now();
  return { notBefore: new Date(now - 60_000), notAfter: new Date(now + validMilliseconds) };
}
