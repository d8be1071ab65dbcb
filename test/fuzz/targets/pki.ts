import assert from 'node:assert/strict';
import { createAuthority } from '../../../src/pki/authority.ts';
import { readCertificate } from '../../../src/pki/certificate.ts';
import { createCsr, parseCsr } from '../../../src/pki/csr.ts';
import { readChildren, readDer, readOid, type DerNode } from '../../../src/pki/der.ts';
import { PkiError } from '../../../src/pki/errors.ts';
import { decodeAltNames, encodeAltNames } from '../../../src/pki/names.ts';
import { onlyPem, readPem, splitChain, writePem } from '../../../src/pki/pem.ts';
import { formatIdentity, parseIdentity, parseSpiffeId } from '../../../src/pki/spiffe.ts';
import { derValues } from '../shape.ts';
import { allowing, text, type Target } from '../target.ts';

const NAME = 'spiffe://cluster.local/ns/default/sa/web';
const authority = createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 });
const pair = authority.issue({ sans: { uri: [NAME], dns: ['web.default.svc'] }, lifetimeMs: 60_000, usages: ['server'] });
const csr = createCsr({ sans: { uri: [NAME] } });
const csrDer = onlyPem(csr.csrPem, 'CERTIFICATE REQUEST');
const certificateDer = onlyPem(pair.certificatePem, 'CERTIFICATE');
const altNames = encodeAltNames({ uri: [NAME], dns: ['a.b'], ip: ['10.0.0.1', '::1'] });

function walk(node: DerNode, depth: number): void {
  if (node.tag === 0x06) readOid(node);
  if ((node.tag & 0x20) === 0 || depth > 50) return;
  for (const child of readChildren(node)) walk(child, depth + 1);
}

const der: Target = {
  name: 'der',
  shape: derValues,
  seeds: [csrDer, certificateDer, altNames],
  check: (input) => void allowing(PkiError, () => walk(readDer(input), 0)),
};

const certificates: Target = {
  name: 'certificates',
  shape: derValues,
  seeds: [certificateDer, text(pair.certificatePem), text(authority.certificatePem)],
  check: (input) => void allowing(PkiError, () => readCertificate(input)),
};

const alternatives: Target = {
  name: 'alternative-names',
  shape: derValues,
  seeds: [altNames],
  check: (input) => void allowing(PkiError, () => decodeAltNames(input)),
};

/** The bytes of a request in their envelope: nothing but the untouched one carries a signature that holds. */
const requests: Target = {
  name: 'certificate-requests',
  shape: derValues,
  seeds: [csrDer],
  check(input) {
    const parsed = parseCsr(writePem('CERTIFICATE REQUEST', input));
    if (!parsed.ok) return assert.notEqual(parsed.reason, '');
    assert.deepEqual(parsed.csr.sans.uri, [NAME], 'a request with other contents passed for signed');
  },
};

const pem: Target = {
  name: 'pem',
  words: ['-----BEGIN CERTIFICATE-----\n', '-----END CERTIFICATE-----\n', '-----', '\r\n', '='],
  seeds: [text(pair.certificatePem + authority.certificatePem), text(csr.csrPem)],
  check(input) {
    const content = input.toString('latin1');
    for (const { label, der: bytes } of readPem(content)) assert.deepEqual(onlyPem(writePem(label, bytes), label), bytes);
    splitChain(content);
    parseCsr(content);
  },
};

const identities: Target = {
  name: 'spiffe',
  words: ['spiffe://', '/ns/', '/sa/', '//', '%2f', '?', '#', '@', ':80'],
  seeds: [NAME, 'spiffe://td/any/path'].map(text),
  check(input) {
    const uri = input.toString('utf8');
    parseSpiffeId(uri);
    const identity = parseIdentity(uri);
    if (identity) assert.equal(formatIdentity(identity), uri, 'there is one way to write an identity');
  },
};

export const targets: readonly Target[] = [der, certificates, alternatives, requests, pem, identities];
