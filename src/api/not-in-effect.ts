/** What may be written and stored but changes nothing, kind by kind, with the reason. The control plane reports on the
 * status of each object which of these it sets, so that nothing is ignored silently. Who implements a field takes it out here.
 * For a field that has no effect only in some company (`warmup` beside RANDOM), the translation reports it instead. */
import { childPath } from './issue.ts';

export interface Ineffective {
  /** As people write it, `[]` for every item and `{}` for every key: `http[].match[].statPrefix`; '' for the whole spec. */
  readonly field: string;
  /** Why, and the way out where there is one. */
  readonly why: string;
}

const IMAGES = 'images are not pulled: serve the module by http:// or https://';

/** Wherever a DestinationRule holds a traffic policy, and where it holds the part of one for a port. */
const POLICIES = ['trafficPolicy', 'subsets[].trafficPolicy'];
const PORT_POLICIES = POLICIES.map((path) => `${path}.portLevelSettings[]`);
const under = (paths: readonly string[], { field, why }: Ineffective): Ineffective[] => paths.map((path) => ({ field: `${path}.${field}`, why }));

const NO_NETWORKS = 'the mesh is one network: every address is reached directly';
const ATTACHED: readonly Ineffective[] = ['targetRef', 'targetRefs'].map((field) => ({ field, why: 'there are no waypoints and no Gateway API: select the pods with selector. The object has no effect at all' }));

export const NOT_IN_EFFECT: Readonly<Record<string, readonly Ineffective[]>> = {
  VirtualService: [
    { field: 'http[].fault.abort.http2Error', why: 'no proxy has it: abort with httpStatus or grpcStatus' },
    { field: 'http[].fault.delay.exponentialDelay', why: 'no proxy has it: use fixedDelay' },
    { field: 'http[].match[].statPrefix', why: 'there are no statistics by route; the name of a rule stands in the access log' },
    { field: 'http[].retries.retryRemoteLocalities', why: 'retries of our own proxy go where first tries go; Envoy, as the proxy, heeds it' },
    { field: 'tcp[].match[].sourceSubnet', why: 'a sidecar has one source, its own pod: use sourceLabels' },
  ],
  ServiceEntry: [{ field: 'endpoints[].network', why: NO_NETWORKS }],
  WorkloadEntry: [{ field: 'network', why: NO_NETWORKS }],
  RequestAuthentication: [...ATTACHED, { field: 'jwtRules[].timeout', why: 'the control plane fetches keys, in a time of its own' }],
  AuthorizationPolicy: ATTACHED,
  Telemetry: [
    ...ATTACHED,
    { field: 'metrics', why: 'the standard metrics are always reported, with all their labels' },
    { field: 'tracing[].useRequestIdForTraceSampling', why: 'traces are sampled by chance, whatever the request’s id' },
    { field: 'tracing[].disableContextPropagation', why: 'trace headers are always passed on' },
    { field: 'tracing[].customTags{}.formatter', why: 'tags come from literal, environment or header' },
  ],
  DestinationRule: [
    ...under([...POLICIES, ...PORT_POLICIES], { field: 'loadBalancer.backendUtilization', why: 'endpoints report no utilization to the proxies: LEAST_REQUEST balances instead' }),
    ...under([...POLICIES, ...PORT_POLICIES], { field: 'loadBalancer.zoneAwareLbSetting', why: 'proxies do not know how their own zone is staffed; localityLbSetting prefers near endpoints' }),
    ...under(POLICIES, { field: 'retryBudget.budgetInterval', why: 'the budget counts requests in flight, not those of an interval' }),
  ],
  Gateway: [
    { field: 'servers[].defaultEndpoint', why: 'gateways serve what VirtualServices say; it never had an effect' },
    { field: 'servers[].port.targetPort', why: 'the Service of the gateway says which port of the pod it is' },
  ],
  ProxyConfig: [
    { field: 'image', why: 'there is one image of the proxy; the annotation sidecar.istio.io/proxyImage sets another one for a pod' },
  ],
  Sidecar: [
    ...['egress[].port.targetPort', 'ingress[].port.targetPort'].map((field) => ({ field, why: 'a Sidecar’s port leads where defaultEndpoint or the service says' })),
    { field: 'outboundTrafficPolicy.egressProxy', why: 'unknown traffic goes to where it was sent: describe the hosts by ServiceEntries and route them through a gateway by VirtualServices' },
  ],
  WorkloadGroup: [
    { field: 'template.address', why: 'an entry has the address of its machine' },
    { field: 'template.network', why: NO_NETWORKS },
  ],
  EnvoyFilter: [
    { field: 'configPatches[].match.waypoint', why: 'there are no waypoints: match a listener, routes or a cluster of sidecars and gateways' },
    { field: 'targetRefs[].namespace', why: 'targets are in the namespace of the object' },
    { field: 'configPatches[].match.listener.portName', why: 'it never had an effect: use portNumber' },
    { field: 'configPatches[].patch.filterClass', why: 'filters stand where the operation puts them: use INSERT_BEFORE or INSERT_AFTER' },
  ],
  WasmPlugin: [
    { field: 'imagePullSecret', why: IMAGES },
    { field: 'verificationKey', why: 'it never had an effect: use sha256' },
  ],
  TrafficExtension: [{ field: '', why: 'write a WasmPlugin instead; Lua is not there' }],
};

export interface IneffectiveField {
  /** With indexes and keys: `spec.http[0].match[1].statPrefix`. */
  readonly path: string;
  readonly why: string;
}

/** True of a kind of which nothing is made. */
export const isIneffectiveKind = (kind: string): boolean => (NOT_IN_EFFECT[kind] ?? []).some(({ field }) => field === '');

/** The fields that an object sets without effect. */
export function fieldsNotInEffect(object: { readonly kind?: string; readonly spec?: unknown }): IneffectiveField[] {
  const table = NOT_IN_EFFECT[object.kind ?? ''] ?? [];
  return table.flatMap(({ field, why }) => placesOf(object.spec, field === '' ? [] : field.split('.'), 'spec').map((path) => ({ path, why })));
}

/** Where in a value a field is set. A field that is null counts as left out. */
export function placesOf(value: unknown, steps: readonly string[], path: string): string[] {
  if (value === undefined || value === null) return [];
  const [step, ...rest] = steps;
  if (step === undefined) return [path];
  if (typeof value !== 'object' || Array.isArray(value)) return [];
  const name = step.replace(/(\[\]|\{\})$/, '');
  const child: unknown = Object.entries(value).find(([key]) => key === name)?.[1];
  const at = childPath(path, name);
  if (step.endsWith('[]')) return Array.isArray(child) ? child.flatMap((item, i) => placesOf(item, rest, childPath(at, i))) : [];
  if (step.endsWith('{}')) return isObject(child) ? Object.entries(child).flatMap(([key, item]) => placesOf(item, rest, childPath(at, key))) : [];
  return placesOf(child, rest, at);
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
