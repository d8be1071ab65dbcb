/** How a cluster's connections are secured: what the policy asks for, or else mutual TLS with those endpoints that are marked as
 * speaking it. Istio: auto mTLS. */
import type { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ProxyProtocolConfig_Version } from '../../xds/generated/envoy/config/core/v3/proxy_protocol_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '../../xds/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import type { ClientTls } from '../../api/common/traffic-policy.ts';
import { identitiesOf, type Context } from './context.ts';
import type { EffectivePolicy } from './effective-policy.ts';
import { pack, type Init } from './message.ts';
import { meshSni } from './names.ts';
import type { ClusterPlan } from './outbound-clusters.ts';
import { meshClientSocket, originatedSocket, plaintextSocket, type Payload, type TransportSocketInit } from './tls.ts';
import type { UpstreamHttp } from './upstream-http.ts';

type ClusterInit = Init<typeof ClusterSchema>;

export interface SecurityInput {
  readonly plan: ClusterPlan;
  readonly effective: EffectivePolicy;
  readonly http: UpstreamHttp;
  readonly context: Context;
}

export function security(input: SecurityInput): ClusterInit {
  const { transportSocket, transportSocketMatches } = sockets(input);
  const { proxyProtocol } = input.effective;
  if (!proxyProtocol) return { transportSocket, transportSocketMatches };
  const announced = (inner: TransportSocketInit) => announce(inner, proxyProtocol.version === 'V2' ? ProxyProtocolConfig_Version.V2 : ProxyProtocolConfig_Version.V1);
  if (transportSocketMatches) return { transportSocketMatches: transportSocketMatches.map((match) => ({ ...match, transportSocket: announced(match.transportSocket) })) };
  return { transportSocket: announced(transportSocket ?? plaintextSocket()) };
}

interface Sockets {
  readonly transportSocket?: TransportSocketInit;
  readonly transportSocketMatches?: { name: string; match: Record<string, string>; transportSocket: TransportSocketInit }[];
}

function sockets({ plan, effective, http, context }: SecurityInput): Sockets {
  const { service } = plan;
  const { tls } = effective;
  switch (tls?.mode) {
    case 'DISABLE':
      return {};
    case 'SIMPLE':
    case 'MUTUAL':
      return { transportSocket: originatedSocket(credentialFor(tls, plan, context), { host: service.host, isHttp2: http === 'http2', subjectAltNames: service.subjectAltNames, defaults: context.settings.config.tlsDefaults }) };
    case 'ISTIO_MUTUAL':
      return { transportSocket: meshSocket({ plan, effective, http, context }) };
    case undefined:
      return automatic({ plan, effective, http, context });
  }
}

/** Where the caller's own address is dialled no endpoint is chosen, so that none can be asked what it speaks: then all have to. */
function automatic(input: SecurityInput): Sockets {
  const { plan, context } = input;
  if (context.settings.config.enableAutoMtls === false || plan.service.isMeshExternal) return {};
  if (plan.speaksMutualTls !== undefined) return plan.speaksMutualTls ? { transportSocket: meshSocket(input) } : {};
  return {
    transportSocketMatches: [
      { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transportSocket: meshSocket(input) },
      { name: 'tlsMode-disabled', match: {}, transportSocket: plaintextSocket() },
    ],
  };
}

function meshSocket({ plan, effective, http, context }: SecurityInput): TransportSocketInit {
  const { service, port, subset, accounts } = plan;
  const { tls } = effective;
  const named = tls?.subjectAltNames && tls.subjectAltNames.length > 0 ? tls.subjectAltNames : service.subjectAltNames;
  const identities = named.length > 0 ? named : identitiesOf(accounts, context.settings);
  return meshClientSocket({ sni: tls?.sni || meshSni({ port: port.port, subset, host: service.host }), payload: PAYLOADS[http], identities });
}

const PAYLOADS: Readonly<Record<UpstreamHttp, Payload>> = { http1: 'http1', http2: 'http2', same: 'tcp', none: 'tcp' };

/** Secrets are for gateways, and for sidecars that an object names by `workloadSelector`. Others keep to files and the roots of the
 * system; never to plaintext. */
function credentialFor(tls: ClientTls, plan: ClusterPlan, context: Context): ClientTls {
  if (!tls.credentialName || context.proxy.kind === 'router' || plan.policy?.selector) return tls;
  if (plan.policy) {
    const { namespace, name } = plan.policy;
    context.report({ kind: 'DestinationRule', namespace, name, field: 'spec.trafficPolicy.tls.credentialName', reason: 'sidecars use a credential only when the object has a workloadSelector; they verify with the roots of their system' });
  }
  return { ...tls, credentialName: undefined };
}

function announce(inner: TransportSocketInit, version: ProxyProtocolConfig_Version): TransportSocketInit {
  return { name: 'envoy.transport_sockets.upstream_proxy_protocol', configType: { case: 'typedConfig', value: pack(ProxyProtocolUpstreamTransportSchema, { config: { version }, transportSocket: inner }) } };
}
