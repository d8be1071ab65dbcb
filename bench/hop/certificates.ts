/** Certificates of the two ends of a mutual-TLS hop. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority } from '../../src/pki/authority.ts';

const HOUR_MS = 3_600_000;

export interface HopCertificates {
  ca: string;
  client: { certificate: string; key: string; pem: string };
  server: { certificate: string; key: string; pem: string };
}

/** Files under `directory`; `pem` is certificate and key in one, as HAProxy reads it. */
export async function writeCertificates(directory: string): Promise<HopCertificates> {
  mkdirSync(directory, { recursive: true });
  const authority = await createAuthority({ commonName: 'bench', lifetimeMs: HOUR_MS });
  const file = (name: string, text: string) => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const side = async (name: string) => {
    const issued = await authority.issue({ subject: { commonName: name }, sans: { uri: [`spiffe://cluster.local/ns/bench/sa/${name}`], dns: ['bench.local'] }, lifetimeMs: HOUR_MS, usages: ['client', 'server'] });
    return { certificate: file(`${name}.crt`, issued.certificatePem), key: file(`${name}.key`, issued.keyPem), pem: file(`${name}.pem`, issued.certificatePem + issued.keyPem) };
  };
  return { ca: file('ca.crt', authority.certificatePem), client: await side('client'), server: await side('server') };
}
