/** How a gateway (or a sidecar's inbound listener) terminates TLS. Istio: ServerTLSSettings. */
import { atMostOneOf } from '../schema/rules.ts';
import { boolean, list, nullable, object, oneOfWords, string, type Infer } from '../schema/schema.ts';

const tlsVersion = () => oneOfWords('TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3');

export const ServerTls = object(
  {
    mode: oneOfWords('PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'),
    httpsRedirect: boolean(),
    credentialName: string(),
    credentialNames: list(string(), { minItems: 1, maxItems: 2 }),
    serverCertificate: string(),
    privateKey: string(),
    caCertificates: string(),
    caCrl: string(),
    caCertCredentialName: string(),
    tlsCertificates: list(object({ serverCertificate: string(), privateKey: string(), caCertificates: string() }), { minItems: 1, maxItems: 2 }),
    subjectAltNames: list(string()),
    verifyCertificateSpki: list(string()),
    verifyCertificateHash: list(string()),
    insecureSkipVerify: nullable(boolean()),
    minProtocolVersion: tlsVersion(),
    maxProtocolVersion: tlsVersion(),
    cipherSuites: list(string()),
    ecdhCurves: list(string()),
  },
  {
    rules: [
      atMostOneOf(['credentialNames', 'tlsCertificates']),
      atMostOneOf(['credentialName', 'credentialNames']),
      atMostOneOf(['credentialName', 'tlsCertificates']),
    ],
    docs: {
      httpsRedirect: 'Answers every plain HTTP request with 301 to https.',
      credentialName: "Secret in the gateway's namespace: kubernetes.io/tls, or generic with cert and key. Its CA may be in NAME-cacert.",
      minProtocolVersion: 'Default TLSV1_2.',
    },
  },
);
export type ServerTls = Infer<typeof ServerTls>;
