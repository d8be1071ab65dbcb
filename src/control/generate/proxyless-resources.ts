import { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import type { EncodedResource } from '../../xds/resource.ts';
import { ResourceSet } from '../../xds/resource-set.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { Cell } from '../registry/memo.ts';
import { CONFIG_PARTS } from '../registry/snapshot.ts';
import type { Context } from '../translate/context.ts';
import { buildApiCluster, buildApiListener, buildApiRoutes } from '../translate/proxyless.ts';
import { clusterEndpoints } from './outbound-resources.ts';
import type { Shelf } from './proxy-view.ts';
import { parseCluster } from '../translate/names.ts';
import { encode } from './encode.ts';
import type { Made } from './workshop.ts';

/** What a gRPC client without a proxy gets: what it asks for by name, and nothing else. */
export class ProxylessResources {
  readonly #shelf: Shelf;
  readonly #kept = new Map<string, { readonly cell: Cell<readonly Made[]>; set: ResourceSet; sets: readonly ResourceSet[] }>();

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  /** @param contextOf of the client */
  resources(typeUrl: string, names: Iterable<string>, contextOf: () => Context): readonly ResourceSet[] {
    const kept = this.#kept.getOrInsertComputed(typeUrl, () => ({ cell: new Cell<readonly Made[]>(), set: ResourceSet.empty, sets: [ResourceSet.empty] }));
    const { snapshot } = this.#shelf;
    const asked = [...names];
    const made = kept.cell.get([asked.join(), snapshot.endpoints, ...CONFIG_PARTS.map((part) => snapshot[part])], () => asked.map((name) => this.#make(typeUrl, name, contextOf())));
    const set = kept.set.become(made.flatMap((m) => m.resource ?? []));
    if (set !== kept.set) Object.assign(kept, { set, sets: [set] });
    return kept.sets;
  }

  #make(typeUrl: string, name: string, context: Context): Made {
    const { workshop, terms } = this.#shelf;
    const { scope, snapshot, proxy, settings, labels } = context;
    if (typeUrl === TypeUrl.Endpoints) {
      const service = scope.byHost.get(parseCluster(name)?.host ?? '');
      return service ? clusterEndpoints(name, service, { context, terms, workshop }) : { resource: undefined, reports: [] };
    }
    const key = `proxyless ${shortKey(typeUrl)} ${name} ${scope.key} ${JSON.stringify(labels)}`;
    return workshop.make(key, [scope, snapshot.hostPolicies, snapshot.peerAuthentications, settings], { kind: 'Service', namespace: proxy.namespace, name }, () => build(typeUrl, name, context));
  }
}

const shortKey = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('.') + 1);

function build(typeUrl: string, name: string, context: Context): EncodedResource | undefined {
  switch (typeUrl) {
    case TypeUrl.Listener: {
      const listener = buildApiListener(name, context);
      return listener && encode(ListenerSchema, name, listener);
    }
    case TypeUrl.Route: {
      const routes = buildApiRoutes(name, context);
      return routes && encode(RouteConfigurationSchema, name, routes);
    }
    case TypeUrl.Cluster: {
      const cluster = buildApiCluster(name, context);
      return cluster && encode(ClusterSchema, name, cluster, { needsEndpoints: name });
    }
    default:
      return undefined;
  }
}
