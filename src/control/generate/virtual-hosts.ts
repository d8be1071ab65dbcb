import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { errorText } from '../../base/errors.ts';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { assemble, EncodedResource, type ResourcePart } from '../../xds/resource.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { bytesField, concat } from '../../xds/wire.ts';
import { adsSource } from '../translate/tls.ts';
import { WeakMemo } from '../registry/memo.ts';
import { serviceOrigins } from '../registry/model.ts';
import type { Origin } from '../registry/origin.ts';
import { termsOf } from '../registry/label-terms.ts';
import type { LeftOut } from '../registry/snapshot.ts';
import { countsAttempts, forwardsHost, type Context } from '../translate/context.ts';
import { hostDependencies, hostRoutes, routesHead, type HostPlan, type HostTitle, type VirtualHostInit } from '../translate/outbound-routes.ts';
import type { Init } from '../translate/message.ts';
import { originMetadata } from '../translate/names.ts';

/** Field number of RouteConfiguration.virtual_hosts. */
const VIRTUAL_HOSTS = 2;

/** The routes of a virtual host, encoded. */
export interface EncodedRoutes {
  readonly bytes: Uint8Array;
  /** What had no effect. */
  readonly reports: readonly LeftOut[];
}

export interface NamedHost {
  readonly part: ResourcePart;
  /** Made when it is asked for. */
  readonly resource: EncodedResource;
}

/** Encodes the routes of virtual hosts apart from their names: a change to one VirtualService makes one virtual host again, once
 * for all namespaces. */
export class VirtualHosts {
  readonly #routes = new WeakMemo<EncodedRoutes>();
  readonly #hosts = new WeakMap<EncodedRoutes, Map<string, NamedHost>>();

  routes(plan: HostPlan): EncodedRoutes {
    const { rules, view } = plan;
    const { proxy, labels } = view.context;
    const asked = new Set(rules?.sourceLabels);
    const caller = `${[...proxy.lacks].join()} ${countsAttempts(view.context) ? '' : 'uncounted'} ${forwardsHost(view.context) ? 'host' : ''} ${rules?.dependsOnNamespace ? proxy.namespace : ''} ${termsOf(labels).filter((term) => asked.has(term)).sort().join()}`;
    const key = `${plan.name} ${plan.service?.key ?? ''} ${rules?.namespace}/${rules?.name} ${caller}`;
    return this.#routes.get(key, hostDependencies(plan), () => encodeRoutes(plan));
  }

  /** The virtual host with the names that it got, as a part of the table and by itself; one object for all that get the same. */
  named(table: string, title: HostTitle, names: { domains: readonly string[]; routes: EncodedRoutes }): NamedHost {
    const { domains, routes } = names;
    const hosts = this.#hosts.get(routes) ?? new Map<string, NamedHost>();
    this.#hosts.set(routes, hosts);
    return hosts.getOrInsertComputed(`${table} ${title.name} ${domains.join()}`, () => {
      const part = plannedHost(title, domains, routes);
      let resource: EncodedResource | undefined;
      return {
        part,
        get resource() {
          return (resource ??= hostResource(table, part));
        },
      };
    });
  }
}

/** A virtual host with the names that it got. Protobuf allows it: encoded parts of one message, one after the other, are the
 * message. */
export function plannedHost({ name, service, rules }: HostTitle, domains: readonly string[], { bytes }: EncodedRoutes): ResourcePart {
  const names = { name, domains: [...domains] };
  return hostPart(names, concat([encodeHost(names), bytes]), [...(service ? serviceOrigins(service) : []), ...(rules?.origins ?? [])]);
}

export const wholeHost = (host: VirtualHostInit, origins: readonly Origin[]): ResourcePart => hostPart(host, encodeHost(host), origins);

/** A host whose routes a proxy refuses is answered by that proxy with 503 and a reason, not passed on to where its routes
 * would not have led. */
function hostPart({ name = '', domains = [] }: VirtualHostInit, bytes: Uint8Array, origins: readonly Origin[]): ResourcePart {
  const body = { specifier: { case: 'inlineString' as const, value: `this proxy has refused the routes of the host: see the status of ${origins.join(', ')}\n` } };
  const routes: VirtualHostInit['routes'] = [{ name: 'refused', metadata: originMetadata(origins), match: { pathSpecifier: { case: 'prefix', value: '/' } }, action: { case: 'directResponse', value: { status: 503, body } } }];
  return { name, origins, bytes: field(bytes), instead: () => field(encodeHost({ name, domains, routes })) };
}

/** The same as a resource of its own, for clients that take them one by one. A part of itself, so that a client that refuses it
 * has its replacement. */
function hostResource(routes: string, { name, origins, bytes, instead }: ResourcePart): EncodedResource {
  const bare = (tagged: Uint8Array) => new BinaryReader(tagged.subarray(1)).bytes();
  const part = { name, origins, bytes: bare(bytes), instead: () => bare(instead()) };
  return assemble({ typeUrl: TypeUrl.VirtualHost, name: `${routes}/${name}` }, { head: new Uint8Array(), list: [part] }, { origins });
}

/** Routes whose virtual hosts come one by one. */
export function routesApart(name: string, hosts: readonly ResourcePart[]): EncodedResource {
  const head = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { ...routesHead(name), vhds: { configSource: adsSource() } }));
  return assemble({ typeUrl: TypeUrl.Route, name }, { head, list: hosts }, { origins: hosts.flatMap((part) => part.origins) });
}

const field = (host: Uint8Array): Uint8Array => concat(bytesField(VIRTUAL_HOSTS, host));

/** A RouteConfiguration out of its virtual hosts. */
export function routesResource(name: string, hosts: readonly ResourcePart[], ignoresPorts = true): EncodedResource {
  const head = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, routesHead(name, ignoresPorts)));
  return assemble({ typeUrl: TypeUrl.Route, name }, { head, list: hosts }, { origins: hosts.flatMap((part) => part.origins) });
}

/** A RouteConfiguration of one virtual host. */
export function soleHostRoutes(head: Init<typeof RouteConfigurationSchema>, host: VirtualHostInit, origins: readonly Origin[]): EncodedResource {
  const bytes = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, head));
  return assemble({ typeUrl: TypeUrl.Route, name: head.name ?? '' }, { head: bytes, list: [wholeHost(host, origins)] }, { origins });
}

/** So that nobody waits for routes that there are not. */
export const noRoutes = (name: string): EncodedResource => new EncodedResource(TypeUrl.Route, name, toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name })));

/** Rules that cannot be translated leave their host with the routes that it has without them. */
function encodeRoutes(plan: HostPlan): EncodedRoutes {
  const reports: LeftOut[] = [];
  const context: Context = { ...plan.view.context, report: (object) => void reports.push(object) };
  const view = { ...plan.view, context };
  const attempts = [{ rules: plan.rules, service: plan.service, blamed: plan.rules ? { kind: 'VirtualService', ...named(plan.rules) } : undefined }, { service: plan.service, blamed: plan.service && { kind: 'Service', ...named(plan.service) } }];
  for (const { blamed, ...parts } of attempts) {
    if (!blamed) continue;
    try {
      return { bytes: encodeHost(hostRoutes({ name: plan.name, domains: plan.domains, view, ...parts })), reports };
    } catch (error) {
      reports.push({ ...blamed, reason: errorText(error) });
    }
  }
  return { bytes: encodeHost({}), reports };
}

const named = ({ namespace, name }: { namespace: string; name: string }) => ({ namespace, name });

const encodeHost = (host: VirtualHostInit): Uint8Array => toBinary(VirtualHostSchema, create(VirtualHostSchema, host));
