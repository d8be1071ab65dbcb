/** The workload's DNS, where its pod asks for it. */
import { isIPv6 } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { readOptional } from '../../base/optional-file.ts';
import type { ProxySettings } from '../bootstrap/settings.ts';
import { createDnsProxy, type DnsProxy } from './dns-proxy.ts';
import { parseResolvConf } from './resolv-conf.ts';

/** Undefined: the workload's queries go elsewhere. Answers from then on; names of the mesh when they have come. */
export async function openWorkloadDns(settings: ProxySettings, { clock, log }: { clock: Clock; log: Log }): Promise<{ proxy: DnsProxy; port: number } | undefined> {
  const { dns, workload, instanceIp } = settings;
  if (!dns.captures) return undefined;
  // Without the file there is nobody to ask; names of the mesh are answered all the same.
  const resolver = parseResolvConf(readOptional(dns.resolvConf) ?? '');
  const proxy = createDnsProxy({ resolver, namespace: workload.namespace, clock, log });
  const addresses = isIPv6(instanceIp) ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
  return { proxy, port: await proxy.start(addresses, dns.port) };
}
