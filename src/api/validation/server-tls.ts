/** TLS settings of a server port. */
import type { ServerTls } from '../common/server-tls.ts';
import { CIPHER_SUITES, CURVES, isCipherSuite } from '../common/tls-names.ts';
import { eachItem, type Report } from './report.ts';

const VERSIONS = ['TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'];

/** Suites and curves that proxies do not have are left out of what they are told. Istio: the same. */
export function checkTlsNames(report: Report, { cipherSuites, ecdhCurves }: Pick<ServerTls, 'cipherSuites' | 'ecdhCurves'>): void {
  eachItem(report.at('cipherSuites'), cipherSuites, (at, suite) => {
    if (!isCipherSuite(suite)) at.warning(`${JSON.stringify(suite)} is left out: proxies have no such cipher suite; they have ${[...CIPHER_SUITES].join(', ')}`);
  });
  eachItem(report.at('ecdhCurves'), ecdhCurves, (at, curve) => {
    if (!CURVES.has(curve)) at.warning(`${JSON.stringify(curve)} is left out: proxies have no such curve; they have ${[...CURVES].join(', ')}`);
  });
}

export function checkServerTls(report: Report, tls: ServerTls): void {
  const mode = tls.mode ?? 'PASSTHROUGH';
  const hasCredential = (tls.credentialName ?? '') !== '' || (tls.credentialNames ?? []).length > 0 || (tls.tlsCertificates ?? []).length > 0;
  const has = (field: 'serverCertificate' | 'privateKey' | 'caCertificates') => (tls[field] ?? '') !== '';
  if (tls.minProtocolVersion && tls.maxProtocolVersion && VERSIONS.includes(tls.minProtocolVersion) && VERSIONS.includes(tls.maxProtocolVersion)) {
    if (VERSIONS.indexOf(tls.minProtocolVersion) > VERSIONS.indexOf(tls.maxProtocolVersion)) report.at('minProtocolVersion').error('is above maxProtocolVersion');
  }
  checkTlsNames(report, tls);
  if (mode === 'ISTIO_MUTUAL') {
    if (hasCredential || has('serverCertificate') || has('privateKey') || has('caCertificates')) report.error('ISTIO_MUTUAL TLS cannot have certificates: the mesh makes them');
    return;
  }
  const terminates = mode === 'SIMPLE' || mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';
  if (!terminates || hasCredential) return;
  // A plain HTTP port that only redirects needs no certificate.
  if (!has('serverCertificate')) report.error(`${mode} TLS requires a server certificate: set credentialName to the name of a secret`);
  if (!has('privateKey')) report.error(`${mode} TLS requires a private key: set credentialName to the name of a secret`);
  if (mode !== 'SIMPLE' && !has('caCertificates')) report.error(`${mode} TLS requires a client CA bundle: caCertificates, or a secret with ca.crt`);
}
