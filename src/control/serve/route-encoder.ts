import { create, toBinary } from '@bufbuild/protobuf';
import { VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { errorText } from '../../base/errors.ts';
import { assemble, type EncodedResource, type ResourcePart } from '../../xds/resource.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { bytesField, concat } from '../../xds/wire.ts';
import { DependencyMemo } from '../registry/memo.ts';
import { serviceOrigins } from '../registry/model.ts';
import type { Origin } from '../registry/origin.ts';
import type { LeftOut } from '../registry/snapshot.ts';
import type { Context } from '../translate/context.ts';
import type { EdgeHost } from '../translate/gateway-routes.ts';
import { fallbackHost, hostDependencies, hostRoutes, planHosts, routesHead, type HostPlan, type VirtualHostInit } from '../translate/outbound-routes.ts';

/** Field number of RouteConfiguration.virtual_hosts. */
const VIRTUAL_HOSTS = 2;

/** Encodes outbound routes host by host: a change to one VirtualService makes one virtual host again, once for all
 * namespaces, and the rest is put together from bytes. Protobuf allows it: encoded parts of one message, one after the other,
 * are the message. */
export class RouteEncoder {
  readonly #hosts = new DependencyMemo<EncodedHost>();

  encode(name: string, context: Context): EncodedResource {
    const parts = planHosts(name, context).map((plan) => {
      const { bytes, reports } = this.#routes(plan);
      reports.forEach(context.report);
      const names = { name: plan.name, domains: [...plan.domains] };
      return hostPart(names, concat([encodeHost(names), bytes]), originsOf(plan));
    });
    if (!name.includes(':')) parts.push(encodedPart(fallbackHost(context), []));
    return fromParts(name, parts);
  }

  /** Routes of a gateway. */
  encodeEdge(name: string, hosts: readonly EdgeHost[]): EncodedResource {
    return fromParts(name, hosts.map(({ host, origins }) => encodedPart(host, origins)));
  }

  sweep(): void {
    this.#hosts.sweep(8);
  }

  #routes(plan: HostPlan): EncodedHost {
    const { rules, view } = plan;
    const { context } = view;
    const caller = `${[...context.proxy.lacks].join()} ${rules?.dependsOnNamespace ? context.proxy.namespace : ''} ${rules?.dependsOnLabels ? JSON.stringify(context.labels) : ''}`;
    const key = `${plan.name} ${plan.service?.key ?? ''} ${rules?.namespace}/${rules?.name} ${caller}`;
    return this.#hosts.get(key, hostDependencies(plan), () => encodeRoutes(plan));
  }
}

function fromParts(name: string, list: readonly ResourcePart[]): EncodedResource {
  const head = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, routesHead(name)));
  return assemble({ typeUrl: TypeUrl.Route, name }, { head, list }, { origins: list.flatMap((part) => part.origins) });
}

const encodedPart = (host: VirtualHostInit, origins: readonly Origin[]): ResourcePart => hostPart(host, encodeHost(host), origins);

/** A host whose routes a proxy refuses is answered by that proxy with 503 and a reason, not passed on to where its routes
 * would not have led. */
function hostPart({ name = '', domains = [] }: VirtualHostInit, bytes: Uint8Array, origins: readonly Origin[]): ResourcePart {
  const body = { specifier: { case: 'inlineString' as const, value: `this proxy has refused the routes of the host: see the status of ${origins.join(', ')}\n` } };
  const routes: VirtualHostInit['routes'] = [{ name: 'refused', match: { pathSpecifier: { case: 'prefix', value: '/' } }, action: { case: 'directResponse', value: { status: 503, body } } }];
  return { name, origins, bytes: field(bytes), instead: () => field(encodeHost({ name, domains, routes })) };
}

const field = (host: Uint8Array): Uint8Array => concat(bytesField(VIRTUAL_HOSTS, host));

interface EncodedHost {
  readonly bytes: Uint8Array;
  /** What had no effect. */
  readonly reports: readonly LeftOut[];
}

const originsOf = ({ service, rules }: HostPlan) => [...(service ? serviceOrigins(service) : []), ...(rules?.origins ?? [])];

/** Rules that cannot be translated leave their host with the routes that it has without them. */
function encodeRoutes(plan: HostPlan): EncodedHost {
  const reports: LeftOut[] = [];
  const context: Context = { ...plan.view.context, report: (object) => void reports.push(object) };
  const view = { ...plan.view, context };
  try {
    return { bytes: encodeHost(hostRoutes({ ...plan, view })), reports };
  } catch (error) {
    if (!plan.rules) throw error;
    const { namespace, name } = plan.rules;
    return { bytes: encodeHost(hostRoutes({ ...plan, view, rules: undefined })), reports: [...reports, { kind: 'VirtualService', namespace, name, reason: errorText(error) }] };
  }
}

const encodeHost = (host: VirtualHostInit): Uint8Array => toBinary(VirtualHostSchema, create(VirtualHostSchema, host));
