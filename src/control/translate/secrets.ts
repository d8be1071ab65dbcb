import { create } from '@bufbuild/protobuf';
import type { Secret as KubeSecret } from 'kubernetes-types/core/v1.d.ts';
import { SecretSchema, type Secret } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { Stored } from '../../kube/object.ts';

const SCHEME = 'kubernetes://';
const CA_SUFFIX = '-cacert';

/** A gateway's credential: `kubernetes://NAME` is a certificate with its key, `kubernetes://NAME-cacert` the authorities of
 * clients. Both come from Secret NAME (kubernetes.io/tls, or generic with cert, key and cacert), the latter also from Secret
 * NAME-cacert. @returns undefined when there is no such Secret, or when it has not what is asked for */
export function buildSecret(name: string, namespace: string, secrets: ReadonlyMap<string, Stored<KubeSecret>>): Secret | undefined {
  if (!name.startsWith(SCHEME)) return undefined;
  const path = name.slice(SCHEME.length);
  const [owner, bare] = path.includes('/') ? [path.slice(0, path.indexOf('/')), path.slice(path.indexOf('/') + 1)] : [namespace, path];
  if (owner !== namespace) return undefined;
  const exact = secrets.get(`${namespace}/${bare}`);
  if (bare.endsWith(CA_SUFFIX)) {
    const ca = value(exact, 'ca.crt', 'cacert') ?? value(secrets.get(`${namespace}/${bare.slice(0, -CA_SUFFIX.length)}`), 'ca.crt', 'cacert');
    return ca && create(SecretSchema, { name, type: { case: 'validationContext', value: { trustedCa: inline(ca) } } });
  }
  const chain = value(exact, 'tls.crt', 'cert');
  const key = value(exact, 'tls.key', 'key');
  if (!chain || !key) {
    const ca = value(exact, 'ca.crt', 'cacert');
    return ca && create(SecretSchema, { name, type: { case: 'validationContext', value: { trustedCa: inline(ca) } } });
  }
  return create(SecretSchema, { name, type: { case: 'tlsCertificate', value: { certificateChain: inline(chain), privateKey: inline(key) } } });
}

const inline = (value: Uint8Array) => ({ specifier: { case: 'inlineBytes' as const, value } });

function value(secret: Stored<KubeSecret> | undefined, ...keys: string[]): Uint8Array | undefined {
  for (const key of keys) {
    const text = secret?.data?.[key];
    if (text) return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  }
  return undefined;
}
