/** `/config_dump` in the shapes of envoy.admin.v3, so that istioctl, Kiali and people's scripts can read it. */
import { create, fromBinary, toJson } from '@bufbuild/protobuf';
import type { JsonObject, JsonValue, Registry } from '@bufbuild/protobuf';
import { AnySchema, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { TypeUrl } from '../../xds/type-urls.ts';
import { NodeSchema } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import { encodeNode } from '../bootstrap/xds-node.ts';
import type { ProxyState, ResourceState } from '../runtime-contract.ts';
import { ROOT_SECRET, WORKLOAD_SECRET } from '../secrets/workload-secrets.ts';
import type { ProxyView } from './proxy-view.ts';

const ADMIN = 'type.googleapis.com/envoy.admin.v3';

export interface ConfigDumpQuery {
  /** Only this member of the dumps, e.g. `dynamic_listeners`. */
  readonly resource?: string | undefined;
  /** Only resources whose name matches. */
  readonly nameRegex?: RegExp | undefined;
  readonly includeEds: boolean;
  readonly resources: ProxyState['resources'];
}

/** Names are the proto's (`dynamic_active_clusters`), as Envoy prints them. */
export function buildConfigDump(view: ProxyView, types: Registry, query: ConfigDumpQuery): JsonObject {
  const printer = new Printer(view, types, query);
  const dumps: JsonObject[] = [bootstrapDump(view), printer.clusters()];
  if (query.includeEds) dumps.push(printer.endpoints());
  dumps.push(printer.listeners(), { '@type': `${ADMIN}.ScopedRoutesConfigDump` }, printer.routes(), printer.secrets(), { '@type': `${ADMIN}.EcdsConfigDump` });
  if (query.resource === undefined) return { configs: dumps };
  const { resource } = query;
  // Envoy: `?resource=` answers with the list of that member's entries.
  return { configs: dumps.flatMap((dump) => (Array.isArray(dump[resource]) ? dump[resource] : [])) };
}

function bootstrapDump(view: ProxyView): JsonObject {
  const { settings } = view;
  const address = (port: number): JsonObject => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  return {
    '@type': `${ADMIN}.BootstrapConfigDump`,
    bootstrap: {
      node: nodeJson(view),
      admin: { address: address(settings.ports.admin) },
      dynamic_resources: { ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3' } },
    },
    last_updated: time(view.startedMs),
  };
}

export const nodeJson = (view: ProxyView): JsonValue => toJson(NodeSchema, fromBinary(NodeSchema, encodeNode(view.settings)), { useProtoFieldName: true });

class Printer {
  readonly #view: ProxyView;
  readonly #types: Registry;
  readonly #state: ProxyState['resources'];
  readonly #name: RegExp | undefined;

  constructor(view: ProxyView, types: Registry, { resources, nameRegex }: ConfigDumpQuery) {
    this.#view = view;
    this.#types = types;
    this.#state = resources;
    this.#name = nameRegex;
  }

  clusters(): JsonObject {
    const entry = (r: ResourceState): JsonObject => ({ version_info: r.version, cluster: this.#any(TypeUrl.Cluster, r), last_updated: time(r.updatedMs), ...errorState(r) });
    const all = this.#list(TypeUrl.Cluster);
    return {
      '@type': `${ADMIN}.ClustersConfigDump`,
      version_info: newest(all),
      dynamic_active_clusters: all.filter((r) => r.warm).map(entry),
      dynamic_warming_clusters: all.filter((r) => !r.warm).map(entry),
    };
  }

  endpoints(): JsonObject {
    return {
      '@type': `${ADMIN}.EndpointsConfigDump`,
      dynamic_endpoint_configs: this.#list(TypeUrl.Endpoints).map((r) => ({ version_info: r.version, endpoint_config: this.#any(TypeUrl.Endpoints, r), last_updated: time(r.updatedMs) })),
    };
  }

  listeners(): JsonObject {
    const all = this.#list(TypeUrl.Listener);
    return {
      '@type': `${ADMIN}.ListenersConfigDump`,
      version_info: newest(all),
      dynamic_listeners: all.map((r) => {
        const state = { version_info: r.version, listener: this.#any(TypeUrl.Listener, r), last_updated: time(r.updatedMs) };
        return { name: r.name, [r.warm ? 'active_state' : 'warming_state']: state, ...errorState(r) };
      }),
    };
  }

  routes(): JsonObject {
    return {
      '@type': `${ADMIN}.RoutesConfigDump`,
      dynamic_route_configs: this.#list(TypeUrl.Route).map((r) => ({ version_info: r.version, route_config: this.#any(TypeUrl.Route, r), last_updated: time(r.updatedMs), ...errorState(r) })),
    };
  }

  /** Private keys never leave the process: their place says so, as Envoy's does. */
  secrets(): JsonObject {
    const redacted: JsonObject = { inline_bytes: Buffer.from('[redacted]').toString('base64') };
    const own = this.#view.secrets.current();
    const secret = (name: string, version: string, updatedMs: number, value: JsonObject): JsonObject => ({
      name,
      version_info: version,
      last_updated: time(updatedMs),
      secret: { '@type': TypeUrl.Secret, name, ...value },
    });
    const bytes = (pem: string): JsonObject => ({ inline_bytes: Buffer.from(pem).toString('base64') });
    const mine = own
      ? [
          secret(WORKLOAD_SECRET, String(this.#view.secrets.renewals), own.receivedMs, { tls_certificate: { certificate_chain: bytes(own.certificatePem), private_key: redacted } }),
          secret(ROOT_SECRET, String(this.#view.secrets.renewals), own.receivedMs, { validation_context: { trusted_ca: bytes(own.rootPem) } }),
        ]
      : [];
    const others = this.#list(TypeUrl.Secret).map((r) => secret(r.name, r.version, r.updatedMs, {}));
    return { '@type': `${ADMIN}.SecretsConfigDump`, dynamic_active_secrets: [...mine, ...others].filter((s) => this.#isWanted(String(s['name']))) };
  }

  #list(typeUrl: string): ResourceState[] {
    return (this.#state.get(typeUrl) ?? []).filter((r) => this.#isWanted(r.name)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #isWanted(name: string): boolean {
    return this.#name?.test(name) ?? true;
  }

  #any(typeUrl: string, resource: ResourceState): JsonValue {
    try {
      return toJson(AnySchema, create(AnySchema, { typeUrl, value: resource.value }), { registry: this.#types, useProtoFieldName: true });
    } catch (error) {
      return { '@type': typeUrl, name: resource.name, '@error': `cannot be shown as JSON: ${error instanceof Error ? error.message : String(error)}` };
    }
  }
}

const newest = (resources: readonly ResourceState[]): string => resources.toSorted((a, b) => b.updatedMs - a.updatedMs)[0]?.version ?? '';

const errorState = (r: ResourceState): JsonObject => (r.refused ? { error_state: { details: r.refused.message, version_info: r.refused.version } } : {});

const time = (ms: number): string => new Date(Number(timestampFromMs(Math.floor(ms)).seconds) * 1000).toISOString().replace(/\.\d+Z$/, `.${String(Math.floor(ms) % 1000).padStart(3, '0')}Z`);
