/** TLS settings of a server port. */
import type { ServerTls } from '../common/server-tls.ts';
import type { Report } from './report.ts';

const VERSIONS = ['TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'];

export function checkServerTls(report: Report, tls: ServerTls): void {
  const mode = tls.mode ?? 'PASSTHROUGH';
  const hasCredential = (tls.credentialName ?? '') !== '' || (tls.credentialNames ?? []).length > 0 || (tls.tlsCertificates ?? []).length > 0;
  const has = (field: 'serverCertificate' | 'privateKey' | 'caCertificates') => (tls[field] ?? '') !== '';
  if (tls.minProtocolVersion && tls.maxProtocolVersion && VERSIONS.includes(tls.minProtocolVersion) && VERSIONS.includes(tls.maxProtocolVersion)) {
    if (VERSIONS.indexOf(tls.minProtocolVersion) > VERSIONS.indexOf(tls.maxProtocolVersion)) report.at('minProtocolVersion').error('is above maxProtocolVersion');
  }
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
