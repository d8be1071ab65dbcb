/** TLS material in files of the proxy, under the names by which Istio's agent serves it: `file-cert:CHAIN~KEY`, `file-root:PATH`,
 * `file-root:system`, and `file-crl:PATH`. Files are looked at again and again: certificates are renewed in place. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { TlsSecret } from '../secret-source.ts';

export interface FileSecrets {
  /** Undefined while a file is missing or cannot be read: connections fail until it comes. */
  get(name: string): TlsSecret | undefined;
  close(): void;
}

/** Name under which the system's own roots are known. */
export const SYSTEM_ROOTS = 'file-root:system';

const LOOK_MS = 2000;

/** Where systems keep the roots that they trust. Istio: pkg/security, GetOSRootFilePath. */
const SYSTEM_BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem', '/etc/pki/tls/cacert.pem', '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', '/etc/ssl/cert.pem'];

/** @param changed called with each name whose files differ from what `get` has given */
export function createFileSecrets(changed: (name: string) => void): FileSecrets {
  const watched = new Map<string, { readonly names: Set<string>; print: string }>();
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    for (const [path, known] of watched) {
      const now = fingerprint(path);
      if (now === known.print) continue;
      known.print = now;
      known.names.forEach(changed);
    }
  };
  // Before the file is read: what changes in between is seen at the next look.
  const watch = (path: string, name: string) => {
    const known = watched.get(path) ?? { names: new Set(), print: fingerprint(path) };
    known.names.add(name);
    watched.set(path, known);
    timer ??= setInterval(look, LOOK_MS).unref();
  };
  return {
    get(name) {
      const paths = filesOf(name);
      if (!paths) return undefined;
      for (const path of paths) watch(path, name);
      return read(name, paths);
    },
    close() {
      clearInterval(timer);
      watched.clear();
    },
  };
}

/** Tells one state of a file from another; empty while it is missing. */
function fingerprint(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch {
    return '';
  }
}

function filesOf(name: string): string[] | undefined {
  if (name === SYSTEM_ROOTS) return SYSTEM_BUNDLES.filter((path) => existsSync(path)).slice(0, 1);
  const colon = name.indexOf(':');
  const rest = name.slice(colon + 1);
  switch (name.slice(0, colon)) {
    case 'file-root':
    case 'file-crl':
      return [rest];
    case 'file-cert':
      return rest.split('~');
    default:
      return undefined;
  }
}

function read(name: string, paths: readonly string[]): TlsSecret | undefined {
  try {
    const [first, second = ''] = paths;
    if (first === undefined) return { kind: 'trust', trustedCaPem: rootCertificates.join('\n') };
    const text = readFileSync(first, 'utf8');
    if (name.startsWith('file-root:')) return { kind: 'trust', trustedCaPem: text };
    if (name.startsWith('file-crl:')) return { kind: 'crl', crlPem: text };
    return { kind: 'certificate', certificateChainPem: text, keyPem: readFileSync(second, 'utf8') };
  } catch {
    return undefined;
  }
}
