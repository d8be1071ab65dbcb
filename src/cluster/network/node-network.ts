/** Makes the network namespace that the process is in the node's: addresses, routes, forwarding, a /run of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { RunCommand } from './command.ts';
import { nodeLinkBatch } from './link-script.ts';

/** A tmpfs over /run hides the machine's own (its sockets, its `ip netns` names) and holds what pods' roots are made of.
 * Only for a process in mount and network namespaces of its own. */
export async function prepareNode(run: RunCommand): Promise<void> {
  await Promise.all([run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'lateen', '/run']), run(['ip', '-batch', '-'], nodeLinkBatch())]);
  mkdirSync('/run/netns');
  for (const [name, value] of [['ip_forward', '1'], ['conf/all/rp_filter', '0'], ['ip_local_port_range', '32768 60999']] as const) writeFileSync(`/proc/sys/net/ipv4/${name}`, value);
}
