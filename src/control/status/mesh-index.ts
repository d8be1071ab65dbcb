/** The mesh as objects that refer to others see it. Made when something is to be looked up in a snapshot. */
import { RegistrationAnnotation } from '../../api/registration.ts';
import { nearest } from '../../api/schema/check.ts';
import type { DestinationRule } from '../../api/destination-rule.ts';
import type { VirtualService } from '../../api/virtual-service.ts';
import { objectKey, type Stored } from '../../kube/object.ts';
import { findHostPolicy, indexHostPolicies, type HostPolicy, type HostPolicyIndex } from '../registry/destination-rules.ts';
import { ObjectMemo } from '../registry/memo.ts';
import type { MeshService, MeshSettings, Workload } from '../registry/model.ts';
import { originOf } from '../registry/origin.ts';
import type { MeshSnapshot } from '../registry/snapshot.ts';
import { isVisible } from '../registry/visibility.ts';

export class MeshIndexes {
  readonly #policies = new ObjectMemo<object, HostPolicyIndex>();
  #newest: MeshIndex | undefined;

  of(snapshot: MeshSnapshot): MeshIndex {
    if (this.#newest?.snapshot === snapshot) return this.#newest;
    this.#newest = new MeshIndex(snapshot, () => this.#policiesOf(snapshot));
    return this.#newest;
  }

  /** As the objects say; what proxies get may keep subsets for a while that are gone from them. */
  #policiesOf({ objects, unusable, settings }: MeshSnapshot): HostPolicyIndex {
    // The kind says which type an object has.
    const all = (objects.get('DestinationRule') ?? NO_RULES) as readonly Stored<DestinationRule>[];
    return this.#policies.get(all, settings, () => indexHostPolicies(all.filter(({ metadata }) => !unusable.has(originOf('DestinationRule', metadata))), settings));
  }
}

const NO_RULES: readonly Stored<DestinationRule>[] = [];

export class MeshIndex {
  readonly snapshot: MeshSnapshot;
  /** `namespace/name` */
  readonly gateways: ReadonlySet<string>;
  readonly virtualServices: ReadonlyMap<string, Stored<VirtualService>>;
  readonly hosts: readonly string[];
  readonly workloads: readonly Workload[];
  readonly #byHost: ReadonlyMap<string, readonly MeshService[]>;
  readonly #policies: () => HostPolicyIndex;
  readonly #hints = new Map<string, string>();
  /** Machines that are connected, by `namespace/name` of their group. */
  #machines: ReadonlyMap<string, number> | undefined;

  constructor(snapshot: MeshSnapshot, policies: () => HostPolicyIndex) {
    this.snapshot = snapshot;
    this.#policies = policies;
    this.gateways = new Set((snapshot.objects.get('Gateway') ?? []).map(objectKey));
    // The kind says which type an object has.
    const rules = (snapshot.objects.get('VirtualService') ?? []) as readonly Stored<VirtualService>[];
    this.virtualServices = new Map(rules.map((object) => [objectKey(object), object]));
    this.#byHost = Map.groupBy(snapshot.services, (service) => service.host);
    this.hosts = [...this.#byHost.keys()];
    this.workloads = [...snapshot.workloads.values()];
  }

  hasHost(host: string): boolean {
    return this.#byHost.has(host);
  }

  /** `; did you mean …?` when there is a host of nearly the same name. */
  hostHint(host: string): string {
    const known = this.#hints.get(host);
    if (known !== undefined) return known;
    const near = nearest(host, this.hosts.filter((other) => Math.abs(other.length - host.length) <= 2));
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    this.#hints.set(host, hint);
    return hint;
  }

  /** How many machines of the group are connected. */
  machinesOf(group: Stored): number {
    this.#machines ??= new Map([...Map.groupBy(this.snapshot.objects.get('WorkloadEntry') ?? [], registeredBy)].map(([key, entries]) => [key, entries.length]));
    return this.#machines.get(objectKey(group)) ?? 0;
  }

  get settings(): MeshSettings {
    return this.snapshot.settings;
  }

  /** The service of a host that a namespace sees. */
  serviceFor(host: string, namespace: string): MeshService | undefined {
    return this.#byHost.get(host)?.find((service) => isVisible(service.exportTo, service.namespace, namespace));
  }

  /** What DestinationRules say of it to clients of a namespace, whatever their labels. */
  policyFor(service: MeshService, namespace: string): HostPolicy | undefined {
    return findHostPolicy(this.#policies(), { namespace, labels: {} }, service, this.settings.config.rootNamespace);
  }
}

/** Empty of entries that somebody wrote, and of those whose machine has gone. */
function registeredBy({ metadata }: Stored): string {
  const { [RegistrationAnnotation.group]: group = '', [RegistrationAnnotation.connectedAt]: connectedAt } = metadata.annotations ?? {};
  return connectedAt === undefined ? '' : `${metadata.namespace ?? ''}/${group}`;
}
