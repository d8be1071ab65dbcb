/** SDS for the Envoy beside us: the workload's certificate and the mesh's roots, renewed without a dropped connection, and files that
 * its configuration names.
 * Spec: envoy.service.secret.v3.SecretDiscoveryService. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { Clock } from '../base/clock.ts';
import type { GrpcService } from '../grpc/call.ts';
import { createFileSecrets } from '../proxy/secrets/file-secrets.ts';
import type { TlsSecret } from '../proxy/secret-source.ts';
import { ROOT_SECRET, WORKLOAD_SECRET, type WorkloadSecrets } from '../proxy/secrets/workload-secrets.ts';
import { createAdsService, SECRET_PATHS } from '../xds/ads-server.ts';
import { SecretSchema } from '../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { EncodedResource } from '../xds/resource.ts';
import type { NameSet } from '../xds/name-set.ts';
import { ResourceSet } from '../xds/resource-set.ts';
import type { AdsSession } from '../xds/session.ts';
import { TypeUrl } from '../xds/type-urls.ts';

export interface SecretService {
  readonly service: GrpcService;
  close(): void;
}

const NAMES = [WORKLOAD_SECRET, ROOT_SECRET] as const;

export function createSecretService(deps: { secrets: WorkloadSecrets; clock: Clock }): SecretService {
  const { secrets, clock } = deps;
  const sessions = new Set<AdsSession>();
  const named = new Set<string>(NAMES);
  let held = ResourceSet.empty;
  const refresh = (): void => {
    held = held.become(Array.from(named).flatMap((name) => {
      const secret = secrets.get(name) ?? files.get(name);
      return secret ? [encodeSecret(name, secret)] : [];
    }));
  };
  const changed = (): void => {
    refresh();
    for (const session of sessions) session.notify();
  };
  const files = createFileSecrets(changed);
  const stop = secrets.onChange(changed);
  const resources = (names: NameSet): readonly ResourceSet[] => {
    const fresh = Array.from(names).filter((name) => name.startsWith('file-') && !named.has(name));
    for (const name of fresh) named.add(name);
    if (fresh.length > 0) refresh();
    return [held];
  };
  const service = createAdsService({
    clock,
    // An empty answer would be an error to Envoy: it waits as we do.
    admit: async (_node, session) => {
      await secrets.ready();
      sessions.add(session);
      return { client: { source: { target: () => ({ number: secrets.renewals, version: String(secrets.renewals), resources: (_type, names) => resources(names) }) }, closed: () => void sessions.delete(session) } };
    },
  }, SECRET_PATHS);
  return {
    service,
    close() {
      stop();
      files.close();
    },
  };
}

function encodeSecret(name: string, secret: TlsSecret): EncodedResource {
  const inline = (value: string) => ({ specifier: { case: 'inlineString' as const, value } });
  const type =
    secret.kind === 'certificate'
      ? { case: 'tlsCertificate' as const, value: { certificateChain: inline(secret.certificateChainPem), privateKey: inline(secret.keyPem) } }
      : { case: 'validationContext' as const, value: secret.kind === 'trust' ? { trustedCa: inline(secret.trustedCaPem) } : { crl: inline(secret.crlPem) } };
  return new EncodedResource(TypeUrl.Secret, name, toBinary(SecretSchema, create(SecretSchema, { name, type })));
}
