/** Which host a try of a request goes to: by its hash, its destination or its name, and by where it has been before. */
import { formatAddress } from '../net/format-address.ts';
import type { ForwardAction } from '../route/route.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import type { Hash64 } from '../upstream/hash.ts';
import type { Host } from '../upstream/host.ts';
import type { Exchange } from './exchange.ts';
import type { Retries } from './retries.ts';

type HashPolicy = NonNullable<ForwardAction['hash']>;

export const hashOf = (exchange: Exchange, policy: HashPolicy): ReturnType<HashPolicy> =>
  policy({ request: exchange.request, sourceIp: exchange.clientAddress, connection: addresses(exchange) });

/** Of the client as it is known through trusted proxies, whose port is not known, and of what it connected to. */
function addresses({ clientAddress, connection }: Exchange): [remote: string, local: string] {
  const { remote, originalDestination } = connection;
  return [formatAddress(clientAddress === remote.address ? remote : { address: clientAddress, port: 0 }), formatAddress(originalDestination)];
}

export function chooseHost(exchange: Exchange, cluster: UpstreamCluster, hash: Hash64 | undefined, retries: Retries): Host | undefined {
  const { discovery } = cluster.settings;
  const choice = {
    hash,
    originalDestination: exchange.connection.originalDestination,
    name: discovery.kind === 'named' ? exchange.request.authority : undefined,
    destinationHeader: discovery.kind === 'original-dst' && discovery.useHeader ? exchange.request.headers.get(discovery.headerName) : undefined,
  };
  let host = cluster.pick(choice);
  const { policy, tried } = retries;
  if (host && policy?.avoidPreviousHosts && tried.length > 0) {
    for (let attempt = 1; attempt <= policy.hostAttempts && host && tried.includes(host); attempt++) host = cluster.pick({ ...choice, attempt });
  }
  if (host && retries.shuns(host, exchange.clock)) return cluster.pickOther(tried) ?? host;
  return host;
}
