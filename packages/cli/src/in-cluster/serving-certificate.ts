// The kubelet port's certificate where nobody issues one: a kubelet without `--tls-cert-file` signs its own as well.
import 'reflect-metadata'; // @peculiar/x509 wants it loaded first.
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
// As long as client-go's for a kubelet; a pod gets a new one at each start.
const validMilliseconds = 365 * 24 * 60 * 60 * 1000;

/** A certificate (PEM) with its key (PEM, PKCS #8) for a node at an IP address or DNS name, signed by itself. */
export async function selfSignedServingCertificate(
  nodeName: string,
  address: string,
): Promise<{ certificate: string; key: string }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Built from parts: in the text form a name could smuggle in further attributes.
    name: [{ O: ['system:nodes'] }, { CN: [`system:node:${nodeName}`] }],
    keys,
    signingAlgorithm: algorithm,
    // A minute back, for clocks that step.
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + validMilliseconds),
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: nodeName },
        { type: isIP(address) ? 'ip' : 'dns', value: address },
      ]),
    ],
  });
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`,
  };
}
