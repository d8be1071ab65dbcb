/** How this pod speaks with its control plane: by its service account's token, trusting the mounted root. Files are read at once: they are small and
 * of this machine, and Node's helper threads need not be there for them. */
import { readFileSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { readOptional } from '../../base/optional-file.ts';
import { createGrpcChannel, type GrpcChannel } from '../../xds/client/grpc-channel.ts';
import { chooseCredentials } from '../secrets/credentials.ts';
import { requestCertificate, type SignedWorkload } from '../secrets/signing-client.ts';
import type { ProxySettings } from './settings.ts';

/** The certificate that the workload has, if it has one. */
type Held = () => SignedWorkload | undefined;

/** A fresh connection for discovery; token and root are read again, they may have been renewed. @throws when the root is not there */
export async function connectDiscovery(settings: ProxySettings, held: Held): Promise<{ channel: GrpcChannel; headers: Readonly<Record<string, string>> }> {
  const { discovery, files, isDiscoveryPlaintext, workload } = settings;
  // Normal without a control plane that asks for it: undefined.
  const token = readOptional(files.token)?.trim();
  const root = isDiscoveryPlaintext ? '' : readFileSync(files.rootCertificate, 'utf8');
  const shown = chooseCredentials(token, held(), systemClock.now());
  const client = shown && 'certificate' in shown ? shown.certificate : undefined;
  const tls = isDiscoveryPlaintext ? undefined : { trustedCaPem: root, serverName: discovery.host, client };
  return { channel: createGrpcChannel({ ...discovery, tls }), headers: { ...(shown && 'token' in shown ? { authorization: `Bearer ${shown.token}` } : {}), clusterid: workload.clusterId } };
}

/** Has a new key signed as the workload's own. */
export function requestOwnCertificate(settings: ProxySettings, held: Held): Promise<SignedWorkload> {
  const { identity, workload, files } = settings;
  return requestCertificate({
    address: identity.caAddress,
    identity: { trustDomain: identity.trustDomain, namespace: workload.namespace, serviceAccount: workload.serviceAccount },
    clusterId: workload.clusterId,
    lifetimeMs: identity.lifetimeMs,
    tokenFile: files.token,
    rootCertificateFile: files.rootCertificate,
    held: held(),
  });
}
