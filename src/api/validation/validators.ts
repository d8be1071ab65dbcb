/** Which function validates which kind. The casts are the one place where "the API server has checked the schema of this
 * kind" becomes a type. */
import type { AuthorizationPolicy } from '../authorization-policy.ts';
import type { DestinationRule } from '../destination-rule.ts';
import type { EnvoyFilter } from '../envoy-filter.ts';
import type { Gateway } from '../gateway.ts';
import type { Issue } from '../issue.ts';
import type { PeerAuthentication } from '../peer-authentication.ts';
import type { ProxyConfigObject } from '../proxy-config.ts';
import type { RequestAuthentication } from '../request-authentication.ts';
import type { ServiceEntry } from '../service-entry.ts';
import type { Sidecar } from '../sidecar.ts';
import type { Telemetry } from '../telemetry.ts';
import type { TrafficExtension } from '../traffic-extension.ts';
import type { VirtualService } from '../virtual-service.ts';
import type { WasmPlugin } from '../wasm-plugin.ts';
import type { WorkloadEntry } from '../workload-entry.ts';
import type { WorkloadGroup } from '../workload-group.ts';
import type { KubeObject } from '../../kube/object.ts';
import { validatePeerAuthentication, validateRequestAuthentication } from './authentication.ts';
import { validateAuthorizationPolicy } from './authorization-policy.ts';
import type { ValidationContext } from './context.ts';
import { validateDestinationRule } from './destination-rule.ts';
import { validateProxyConfig, validateTelemetry, validateTrafficExtension, validateWasmPlugin } from './extensions.ts';
import { validateEnvoyFilter } from './envoy-filter.ts';
import { validateGateway } from './gateway.ts';
import { validateServiceEntry } from './service-entry.ts';
import { validateSidecar } from './sidecar.ts';
import { validateVirtualService } from './virtual-service.ts';
import { validateWorkloadEntry, validateWorkloadGroup } from './workload.ts';

export type Validator = (object: KubeObject, context: ValidationContext) => Issue[];

export const VALIDATORS: Readonly<Record<string, Validator>> = {
  VirtualService: (object, context) => validateVirtualService(object as VirtualService, context),
  DestinationRule: (object) => validateDestinationRule(object as DestinationRule),
  Gateway: (object) => validateGateway(object as Gateway),
  ServiceEntry: (object) => validateServiceEntry(object as ServiceEntry),
  Sidecar: (object) => validateSidecar(object as Sidecar),
  WorkloadEntry: (object) => validateWorkloadEntry(object as WorkloadEntry),
  WorkloadGroup: (object) => validateWorkloadGroup(object as WorkloadGroup),
  AuthorizationPolicy: (object) => validateAuthorizationPolicy(object as AuthorizationPolicy),
  PeerAuthentication: (object) => validatePeerAuthentication(object as PeerAuthentication),
  RequestAuthentication: (object) => validateRequestAuthentication(object as RequestAuthentication),
  Telemetry: (object) => validateTelemetry(object as Telemetry),
  EnvoyFilter: (object, context) => validateEnvoyFilter(object as EnvoyFilter, context),
  WasmPlugin: (object) => validateWasmPlugin(object as WasmPlugin),
  TrafficExtension: (object) => validateTrafficExtension(object as TrafficExtension),
  ProxyConfig: (object) => validateProxyConfig(object as ProxyConfigObject),
};
