import { create, toBinary } from '@bufbuild/protobuf';
import { VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { EncodedResource } from '../../xds/resource.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { bytesField, concat } from '../../xds/wire.ts';
import { DependencyMemo } from '../registry/memo.ts';
import type { Context } from '../translate/context.ts';
import { fallbackHost, hostDependencies, hostRoutes, planHosts, routesHead, type HostPlan, type VirtualHostInit } from '../translate/outbound-routes.ts';

/** Field number of RouteConfiguration.virtual_hosts. */
const VIRTUAL_HOSTS = 2;

/** Encodes outbound routes host by host: a change to one VirtualService makes one virtual host again, once for all
 * namespaces, and the rest is put together from bytes. Protobuf allows it: encoded parts of one message, one after the other,
 * are the message. */
export class RouteEncoder {
  readonly #hosts = new DependencyMemo<Uint8Array>();

  encode(name: string, context: Context): EncodedResource {
    const hosts = planHosts(name, context).map((plan) => concat([encodeHost({ name: plan.name, domains: [...plan.domains] }), this.#routes(plan)]));
    if (!name.includes(':')) hosts.push(encodeHost(fallbackHost(context)));
    const head = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, routesHead(name)));
    return new EncodedResource(TypeUrl.Route, name, concat([head, ...hosts.flatMap((host) => bytesField(VIRTUAL_HOSTS, host))]));
  }

  sweep(): void {
    this.#hosts.sweep(8);
  }

  #routes(plan: HostPlan): Uint8Array {
    const { rules, view } = plan;
    const { context } = view;
    const caller = `${[...context.proxy.lacks].join()} ${rules?.dependsOnNamespace ? context.proxy.namespace : ''} ${rules?.dependsOnLabels ? JSON.stringify(context.labels) : ''}`;
    const key = `${plan.name} ${plan.service?.key ?? ''} ${rules?.namespace}/${rules?.name} ${caller}`;
    return this.#hosts.get(key, hostDependencies(plan), () => encodeHost(hostRoutes(plan)));
  }
}

const encodeHost = (host: VirtualHostInit): Uint8Array => toBinary(VirtualHostSchema, create(VirtualHostSchema, host));
