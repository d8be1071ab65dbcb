/** The files by which a machine joins the mesh, out of its WorkloadGroup and the mesh configuration. Pure. Names of files, variables and
 * fields: istioctl experimental workload entry configure. */
import { parse, stringify } from 'yaml';
import { overlay } from '../../api/mesh-config.ts';
import type { WorkloadGroup } from '../../api/workload-group.ts';

export interface MachineFilesInput {
  readonly group: WorkloadGroup;
  readonly namespace: string;
  /** The `mesh` of the mesh's ConfigMap, YAML. */
  readonly mesh: string;
  readonly istioNamespace: string;
  readonly clusterId: string;
  readonly registers: boolean;
  readonly capturesDns: boolean;
  /** Of the machine; undefined: the proxy finds out. */
  readonly address?: string;
  readonly isExternal: boolean;
  readonly token: string;
  readonly rootPem: string;
  /** Where the machine reaches istiod; undefined: its name server knows. */
  readonly istiodAddress?: string;
}

type Config = { readonly proxyMetadata?: Readonly<Record<string, string>>; readonly discoveryAddress?: string; readonly meshId?: string; readonly statusPort?: number };

const PROXY_CONFIG = 'proxy.istio.io/config';

/** Account of a group that names none. */
export const accountOf = (group: WorkloadGroup): string => group.spec.template.serviceAccount || 'default';

/** Text by name of the file. */
export function machineFiles(input: MachineFilesInput): ReadonlyMap<string, string> {
  const { group, istiodAddress, istioNamespace, token, rootPem } = input;
  const mesh = objectOf(parse(input.mesh));
  const annotations = [group.metadata?.annotations?.[PROXY_CONFIG], group.spec.metadata?.annotations?.[PROXY_CONFIG]];
  // What people wrote of the shape that the schema of the mesh configuration has.
  const config = [objectOf(mesh['defaultConfig']), ...annotations.map((yaml) => objectOf(yaml === undefined ? undefined : parse(yaml)))].reduce((under, over) => overlay(under, over) as Record<string, unknown>) as Config;
  const proxyMetadata = { ...config.proxyMetadata, ...metadataOf(input, config, typeof mesh['trustDomain'] === 'string' ? mesh['trustDomain'] : '') };
  const discoveryAddress = config.discoveryAddress ?? `istiod.${istioNamespace}.svc:15012`;
  const defaultConfig = { ...config, discoveryAddress, proxyMetadata, ...(group.spec.probe ? { readinessProbe: group.spec.probe } : {}) };
  const istiod = discoveryAddress.slice(0, discoveryAddress.lastIndexOf(':'));
  return new Map([
    ['mesh.yaml', stringify({ defaultConfig })],
    ['cluster.env', shellText({ ...proxyMetadata, ...captureOf(input, config) })],
    ['istio-token', token],
    ['root-cert.pem', rootPem],
    ['hosts', istiodAddress === undefined ? '' : `${istiodAddress} ${istiod}\n`],
  ]);
}

function metadataOf({ group, namespace, clusterId, registers, capturesDns }: MachineFilesInput, config: Config, trustDomain: string): Record<string, string> {
  const { template, metadata } = group.spec;
  const name = group.metadata?.name ?? '';
  const own: Record<string, string> = { ...template.labels, ...metadata?.labels };
  const service = own['service.istio.io/canonical-name'] ?? own['app.kubernetes.io/name'] ?? own['app'] ?? name;
  const revision = own['service.istio.io/canonical-revision'] ?? own['app.kubernetes.io/version'] ?? own['version'] ?? 'latest';
  const ports = Object.entries(template.ports ?? {}).map(([port, containerPort]) => ({ name: port, containerPort }));
  return {
    CANONICAL_SERVICE: service,
    CANONICAL_REVISION: revision,
    POD_NAMESPACE: namespace,
    SERVICE_ACCOUNT: accountOf(group),
    TRUST_DOMAIN: trustDomain,
    ISTIO_META_CLUSTER_ID: clusterId,
    ISTIO_META_MESH_ID: config.meshId ?? '',
    ISTIO_META_NETWORK: template.network ?? '',
    ISTIO_META_WORKLOAD_NAME: name,
    ISTIO_METAJSON_LABELS: JSON.stringify({ ...own, 'service.istio.io/canonical-name': service, 'service.istio.io/canonical-revision': revision }),
    ...(ports.length > 0 ? { ISTIO_META_POD_PORTS: JSON.stringify(ports) } : {}),
    ...(capturesDns ? { ISTIO_META_DNS_CAPTURE: 'true' } : {}),
    ...(registers ? { ISTIO_META_AUTO_REGISTER_GROUP: name } : {}),
  };
}

function captureOf({ group, namespace, address, isExternal }: MachineFilesInput, config: Config): Record<string, string> {
  const ports = Object.values(group.spec.template.ports ?? {});
  const name = group.metadata?.name ?? '';
  return {
    ISTIO_INBOUND_PORTS: ports.length === 0 ? '*' : ports.join(),
    // Whoever administers the machine must not be locked out, and the proxy's own pages are not the application's.
    ISTIO_LOCAL_EXCLUDE_PORTS: [22, 15_090, 15_021, config.statusPort ?? 15_020].join(),
    ISTIO_SERVICE_CIDR: '*',
    ISTIO_NAMESPACE: namespace,
    ISTIO_SERVICE: `${name}.${namespace}`,
    ...(address === undefined ? {} : { ISTIO_SVC_IP: address }),
    ...(isExternal ? { REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION: 'true' } : {}),
  };
}

const shellText = (variables: Readonly<Record<string, string>>): string =>
  Object.keys(variables).sort().map((key) => `${key}='${(variables[key] ?? '').replaceAll("'", String.raw`'\''`)}'\n`).join('');

const objectOf = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {});
