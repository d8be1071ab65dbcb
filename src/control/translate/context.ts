import { overlay, type MeshConfig } from '../../api/mesh-config.ts';
import { findHostPolicy, type HostPolicy } from '../registry/destination-rules.ts';
import type { MeshService, MeshSettings, Workload } from '../registry/model.ts';
import type { Scope } from '../registry/scope.ts';
import type { LeftOut, MeshSnapshot } from '../registry/snapshot.ts';
import type { Proxy } from './proxy.ts';

/** All that the resources of one proxy are made from. */
export interface Context {
  readonly snapshot: MeshSnapshot;
  readonly settings: MeshSettings;
  readonly proxy: Proxy;
  /** The proxy's pod as the registry sees it; labels of a pod can change while its proxy is connected. */
  readonly workload?: Workload;
  readonly labels: Readonly<Record<string, string>>;
  readonly scope: Scope;
  /** Takes note of an object that cannot be translated and is left out, or, with `field`, of a field that has no effect here
   * although the object has: both come to stand in the object's status. A field that never has an effect, whatever stands
   * beside it, belongs into the table of `src/api/not-in-effect.ts` instead. */
  readonly report: (object: LeftOut) => void;
}

export function hostPolicy(context: Context, service: Pick<MeshService, 'host' | 'namespace'>): HostPolicy | undefined {
  const client = { namespace: context.proxy.namespace, labels: context.labels };
  return findHostPolicy(context.snapshot.hostPolicies, client, service, context.settings.config.rootNamespace);
}

/** The mesh's defaults for proxies, with what the pod says for its own. */
export const proxyDefaults = ({ settings, proxy }: Pick<Context, 'settings' | 'proxy'>): MeshConfig['defaultConfig'] =>
  // What is laid over has been checked to have the same shape.
  proxy.own === undefined ? settings.config.defaultConfig : (overlay(settings.config.defaultConfig, proxy.own) as MeshConfig['defaultConfig']);

/** Whether requests tell servers which try they are. Istio: ProxyConfig.proxyHeaders.attemptCount. */
export const countsAttempts = (context: Pick<Context, 'settings' | 'proxy'>): boolean => proxyDefaults(context).proxyHeaders?.attemptCount?.disabled !== true;

/** Whether a rewritten host is told of besides. Istio: ProxyConfig.proxyHeaders.xForwardedHost. */
export const forwardsHost = (context: Pick<Context, 'settings' | 'proxy'>): boolean => proxyDefaults(context).proxyHeaders?.xForwardedHost?.enabled === true;

/** `spiffe://cluster.local/ns/NS/sa/SA`, also under each alias of the trust domain. */
export function identitiesOf(accounts: readonly string[], settings: MeshSettings): string[] {
  const domains = [settings.config.trustDomain, ...settings.config.trustDomainAliases];
  return accounts.flatMap((account) => {
    const [namespace, name] = account.split('/');
    return domains.map((domain) => `spiffe://${domain}/ns/${namespace}/sa/${name}`);
  });
}

/** Addresses and ranges by which the proxy's workload calls a service. */
export function addressesOf(service: MeshService, proxy: Pick<Context['proxy'], 'answersDns' | 'address'>): string[] {
  const isV6 = proxy.address.includes(':');
  const given = proxy.answersDns ? service.allocatedAddresses.filter((a) => a.includes(':') === isV6) : [];
  const own = service.addresses.length === 0 ? given : service.addresses;
  return [...own, ...service.externalAddresses];
}
