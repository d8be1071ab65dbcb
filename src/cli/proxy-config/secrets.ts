import { X509Certificate } from 'node:crypto';
import { object, text, type Json } from './dump.ts';
import type { View } from './view.ts';

export const secrets: View = {
  name: 'secret',
  aliases: ['secrets', 's'],
  about: 'certificates in use',
  path: '/config_dump',
  pick: (dump) => dump.secrets,
  table: (dump) => ({
    header: ['RESOURCE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE'],
    rows: dump.secrets.map(describeSecret),
  }),
};

function describeSecret(entry: Json): string[] {
  const secret = object(entry['secret']) ?? {};
  const chain = object(object(secret['tls_certificate'])?.['certificate_chain']);
  const trusted = object(object(secret['validation_context'])?.['trusted_ca']);
  const certificate = readCertificate(chain ?? trusted);
  const name = text(entry['name']);
  const type = chain ? 'Cert Chain' : 'CA';
  if (!certificate) return [name, type, 'WARMING', 'false', '', '', ''];
  const valid = Date.now() >= certificate.validFromDate.getTime() && Date.now() < certificate.validToDate.getTime();
  return [name, type, 'ACTIVE', String(valid), certificate.serialNumber.toLowerCase(), certificate.validToDate.toISOString(), certificate.validFromDate.toISOString()];
}

function readCertificate(source: Json | undefined): X509Certificate | undefined {
  const pem = source?.['inline_bytes'] !== undefined ? Buffer.from(text(source['inline_bytes']), 'base64').toString() : text(source?.['inline_string']);
  return pem === '' ? undefined : new X509Certificate(pem);
}
