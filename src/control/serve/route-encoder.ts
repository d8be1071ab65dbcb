import { create, toBinary } from '@bufbuild/protobuf';
import { VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { errorText } from '../../base/errors.ts';
import { EncodedResource } from '../../xds/resource.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { bytesField, concat } from '../../xds/wire.ts';
import { DependencyMemo } from '../registry/memo.ts';
import { serviceOrigins } from '../registry/model.ts';
import type { LeftOut } from '../registry/snapshot.ts';
import type { Context } from '../translate/context.ts';
import { fallbackHost, hostDependencies, hostRoutes, planHosts, routesHead, type HostPlan, type VirtualHostInit } from '../translate/outbound-routes.ts';

/** Field number of RouteConfiguration.virtual_hosts. */
const VIRTUAL_HOSTS = 2;

/** Encodes outbound routes host by host: a change to one VirtualService makes one virtual host again, once for all
 * namespaces, and the rest is put together from bytes. Protobuf allows it: encoded parts of one message, one after the other,
 * are the message. */
export class RouteEncoder {
  readonly #hosts = new DependencyMemo<EncodedHost>();

  encode(name: string, context: Context): EncodedResource {
    const plans = planHosts(name, context);
    const hosts = plans.map((plan) => {
      const { bytes, reports } = this.#routes(plan);
      reports.forEach(context.report);
      return concat([encodeHost({ name: plan.name, domains: [...plan.domains] }), bytes]);
    });
    if (!name.includes(':')) hosts.push(encodeHost(fallbackHost(context)));
    const head = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, routesHead(name)));
    return new EncodedResource(TypeUrl.Route, name, concat([head, ...hosts.flatMap((host) => bytesField(VIRTUAL_HOSTS, host))]), { origins: plans.flatMap(originsOf) });
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
