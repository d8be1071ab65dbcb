/** For tests: the secrets that an agent beside Envoy would serve, over SDS. */
import { existsSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { systemClock } from '../../../base/clock.ts';
import type { GrpcService } from '../../../grpc/call.ts';
import { createAdsService, SECRET_PATHS } from '../../../xds/ads-server.ts';
import { SecretSchema } from '../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { NameSet } from '../../../xds/name-set.ts';
import type { EncodedResource } from '../../../xds/resource.ts';
import { ResourceSet } from '../../../xds/resource-set.ts';
import { encode } from '../../generate/encode.ts';

export interface WorkloadCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly rootPem: string;
}

/** @param certificateOf by the id of the node that asks */
export function secretService(certificateOf: (nodeId: string) => WorkloadCertificate): GrpcService {
  return createAdsService({
    clock: systemClock,
    admit: (node) => {
      const own = secretsOf(certificateOf(node.id));
      const resources = (_type: string, names: NameSet) => [ResourceSet.of([...own.values(), ...[...names].flatMap((name) => fileSecret(name) ?? [])])];
      return Promise.resolve({ client: { source: { target: () => ({ number: 1, version: '1', resources }) }, closed() {} } });
    },
  }, SECRET_PATHS);
}

/** `file-cert:CHAIN~KEY`, `file-root:PATH`: undefined when the files are not there. */
function fileSecret(name: string): EncodedResource | undefined {
  const [kind, paths = ''] = [name.slice(0, name.indexOf(':')), name.slice(name.indexOf(':') + 1)];
  const contents = paths.split('~').map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined));
  const [first, second] = contents.map((text) => (text === undefined ? undefined : inline(text)));
  if (kind === 'file-root' && first) return encode(SecretSchema, name, create(SecretSchema, { name, type: { case: 'validationContext', value: { trustedCa: first } } }));
  if (kind !== 'file-cert' || !first || !second) return undefined;
  return encode(SecretSchema, name, create(SecretSchema, { name, type: { case: 'tlsCertificate', value: { certificateChain: first, privateKey: second } } }));
}

const inline = (text: string) => ({ specifier: { case: 'inlineString' as const, value: text } });

function secretsOf(leaf: WorkloadCertificate): Map<string, EncodedResource> {
  const own = create(SecretSchema, { name: 'default', type: { case: 'tlsCertificate', value: { certificateChain: inline(leaf.certificatePem), privateKey: inline(leaf.keyPem) } } });
  const trust = (name: string, roots: string) => create(SecretSchema, { name, type: { case: 'validationContext', value: { trustedCa: inline(roots) } } });
  return new Map([own, trust('ROOTCA', leaf.rootPem), trust('file-root:system', rootCertificates.join('\n'))].map((secret) => [secret.name, encode(SecretSchema, secret.name, secret)]));
}
