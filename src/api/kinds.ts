/** All kinds of the mesh's API, for whoever treats them alike: CRDs, validation, watches. */
import { AuthorizationPolicyKind } from './authorization-policy.ts';
import { DestinationRuleKind } from './destination-rule.ts';
import { EnvoyFilterKind } from './envoy-filter.ts';
import { GatewayKind } from './gateway.ts';
import { PeerAuthenticationKind } from './peer-authentication.ts';
import { ProxyConfigKind } from './proxy-config.ts';
import { RequestAuthenticationKind } from './request-authentication.ts';
import type { Kind } from './schema/kind.ts';
import { ServiceEntryKind } from './service-entry.ts';
import { SidecarKind } from './sidecar.ts';
import { TelemetryKind } from './telemetry.ts';
import { TrafficExtensionKind } from './traffic-extension.ts';
import { VirtualServiceKind } from './virtual-service.ts';
import { WasmPluginKind } from './wasm-plugin.ts';
import { WorkloadEntryKind } from './workload-entry.ts';
import { WorkloadGroupKind } from './workload-group.ts';

export const KINDS: readonly Kind[] = [
  VirtualServiceKind,
  DestinationRuleKind,
  GatewayKind,
  ServiceEntryKind,
  SidecarKind,
  WorkloadEntryKind,
  WorkloadGroupKind,
  ProxyConfigKind,
  EnvoyFilterKind,
  WasmPluginKind,
  TrafficExtensionKind,
  PeerAuthenticationKind,
  RequestAuthenticationKind,
  AuthorizationPolicyKind,
  TelemetryKind,
];

/** The kind that an object says it is; undefined when it is not one of ours. Any served version counts. */
export function kindOf(object: { apiVersion?: string; kind?: string }): Kind | undefined {
  const [group, version = ''] = (object.apiVersion ?? '').split('/');
  return KINDS.find((kind) => kind.group === group && kind.kind === object.kind && kind.versions.includes(version));
}
