/** The files that the node writes into every container's /etc. Pure. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { podHostname } from './container-plan.ts';
import type { RootFiles } from './root-filesystem.ts';

export interface PodNetwork {
  readonly ip: string;
  readonly domain: string;
  readonly dnsAddress: string;
}

export function rootFilesOf(pod: Pod, network: PodNetwork): RootFiles {
  return { hosts: renderHosts(pod, network), resolvConf: renderResolvConf(pod, network) };
}

/** Kubernetes: kubelet_pods.go managedHostsFileContent. */
function renderHosts(pod: Pod, { ip, domain }: PodNetwork): string {
  const hostname = podHostname(pod);
  const { subdomain, hostAliases } = pod.spec ?? {};
  const own = subdomain ? `${ip}\t${hostname}.${subdomain}.${pod.metadata?.namespace}.svc.${domain}\t${hostname}` : `${ip}\t${hostname}`;
  const aliases = (hostAliases ?? []).map((alias) => `${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`);
  return [
    '# Kubernetes-managed hosts file.', '127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet', 'fe00::\tip6-mcastprefix', 'fe00::1\tip6-allnodes', 'fe00::2\tip6-allrouters', own,
    ...(aliases.length > 0 ? ['', '# Entries added by HostAliases.', ...aliases] : []), '',
  ].join('\n');
}

function renderResolvConf(pod: Pod, { domain, dnsAddress }: PodNetwork): string {
  const { dnsPolicy, dnsConfig } = pod.spec ?? {};
  const own = dnsPolicy === 'None';
  const search = own ? [] : [`${pod.metadata?.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  const options = new Map<string, string | undefined>(own ? [] : [['ndots', '5']]);
  for (const { name, value } of dnsConfig?.options ?? []) if (name) options.set(name, value);
  const searches = [...search, ...(dnsConfig?.searches ?? [])];
  return [
    ...[...(own ? [] : [dnsAddress]), ...(dnsConfig?.nameservers ?? [])].map((address) => `nameserver ${address}`),
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...(options.size > 0 ? [`options ${[...options].map(([name, value]) => (value === undefined ? name : `${name}:${value}`)).join(' ')}`] : []),
    '',
  ].join('\n');
}
