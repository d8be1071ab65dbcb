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
  /** Takes note of an object, or a part of one, that cannot be translated and is left out. */
  readonly report: (object: LeftOut) => void;
}

export function hostPolicy(context: Context, service: Pick<MeshService, 'host' | 'namespace'>): HostPolicy | undefined {
  const client = { namespace: context.proxy.namespace, labels: context.labels };
  return findHostPolicy(context.snapshot.hostPolicies, client, service, context.settings.config.rootNamespace);
}

/** `spiffe://cluster.local/ns/NS/sa/SA`, also under each alias of the trust domain. */
export function identitiesOf(accounts: readonly string[], settings: MeshSettings): string[] {
  const domains = [settings.config.trustDomain, ...settings.config.trustDomainAliases];
  return accounts.flatMap((account) => {
    const [namespace, name] = account.split('/');
    return domains.map((domain) => `spiffe://${domain}/ns/${namespace}/sa/${name}`);
  });
}
