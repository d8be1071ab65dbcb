/** How this pod speaks with its control plane: by its service account's token, trusting the mounted root. */
import { readText } from '../../base/files.ts';
import { createGrpcChannel, type GrpcChannel } from '../../xds/client/grpc-channel.ts';
import { requestCertificate, type SignedWorkload } from '../secrets/signing-client.ts';
import type { ProxySettings } from './settings.ts';

/** A fresh connection for discovery; token and root are read again, they may have been renewed. @throws when the root is not there */
export async function connectDiscovery(settings: ProxySettings): Promise<{ channel: GrpcChannel; headers: Readonly<Record<string, string>> }> {
  const { discovery, files, isDiscoveryPlaintext, workload } = settings;
  const [token, root] = await Promise.all([readOptional(files.token), isDiscoveryPlaintext ? '' : readText(files.rootCertificate)]);
  const tls = isDiscoveryPlaintext ? undefined : { trustedCaPem: root, serverName: discovery.host };
  return { channel: createGrpcChannel({ ...discovery, tls }), headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), clusterid: workload.clusterId } };
}

/** Undefined: the file is not there, which is normal without a control plane that asks for it. */
const readOptional = (path: string): Promise<string | undefined> => readText(path).then((text) => text.trim(), () => undefined);

/** Has a new key signed as the workload's own. */
export function requestOwnCertificate(settings: ProxySettings): Promise<SignedWorkload> {
  const { identity, workload, files } = settings;
  return requestCertificate({
    address: identity.caAddress,
    identity: { trustDomain: identity.trustDomain, namespace: workload.namespace, serviceAccount: workload.serviceAccount },
    clusterId: workload.clusterId,
    lifetimeMs: identity.lifetimeMs,
    tokenFile: files.token,
    rootCertificateFile: files.rootCertificate,
  });
}
