/** The commands that make the node's network and the pods' network namespaces, as text: pure, so that a test can read them.
 *
 * Pods are routed, not bridged: each has a veth whose node side has a /32 route to it, and a default route through an
 * address that only a neighbour entry knows. All traffic between pods passes the node's IP layer, so connection tracking
 * sees both directions and a service's reply is translated back without bridge netfilter (a kernel module that may be missing). */
import { DNS_SERVICE_ADDRESS, GATEWAY_MAC, NODE_ADDRESS, POD_GATEWAY, SERVICE_CIDR, podAddress, podMac } from './addresses.ts';

export const sandboxName = (n: number): string => `pod${n}`;
const linkName = (n: number): string => `veth${n}`;

/** For `ip -batch`, once in a new network namespace. The node's addresses live on `lo`: a dummy link is a module that may be missing. */
export function nodeLinkBatch(): string {
  return lines([
    'link set lo up',
    `addr add ${NODE_ADDRESS}/32 dev lo`,
    `addr add ${DNS_SERVICE_ADDRESS}/32 dev lo`,
    // Without a route the node's own packets to a service would be refused before netfilter sees them.
    `route add ${SERVICE_CIDR} dev lo src ${NODE_ADDRESS}`,
  ]);
}

/** A shell script that makes the namespaces of these pods. */
export function sandboxScript(numbers: readonly number[]): string {
  const node = numbers.flatMap((n) => [
    `netns add ${sandboxName(n)}`,
    `link add ${linkName(n)} address ${GATEWAY_MAC} type veth peer name eth0 address ${podMac(n)} netns ${sandboxName(n)}`,
    `link set ${linkName(n)} up`,
    `route add ${podAddress(n)} dev ${linkName(n)} src ${NODE_ADDRESS}`,
    `neigh add ${podAddress(n)} dev ${linkName(n)} lladdr ${podMac(n)} nud permanent`,
  ]);
  return lines(['set -e', ...hereBatch('ip -batch -', node), ...numbers.flatMap((n) => hereBatch(`ip -n ${sandboxName(n)} -batch -`, podBatch(n)))]);
}

export function removalScript(numbers: readonly number[]): string {
  // A link may be gone already with its namespace, so errors do not stop the rest (-force).
  return lines(hereBatch('ip -force -batch -', numbers.flatMap((n) => [`link del ${linkName(n)}`, `netns del ${sandboxName(n)}`])));
}

function podBatch(n: number): string[] {
  return [
    'link set lo up',
    `addr add ${podAddress(n)}/32 dev eth0`,
    'link set eth0 up',
    `route add ${POD_GATEWAY} dev eth0 scope link`,
    `neigh add ${POD_GATEWAY} dev eth0 lladdr ${GATEWAY_MAC} nud permanent`,
    `route add default via ${POD_GATEWAY} dev eth0`,
  ];
}

const hereBatch = (command: string, batch: readonly string[]) => [`${command} <<'END'`, ...batch, 'END'];
const lines = (all: readonly string[]) => `${all.join('\n')}\n`;
