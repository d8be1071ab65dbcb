/** What our own proxy has not got of what a patch can ask for. Patches with a filter that it has not got are left out for it: it would refuse the
 * listener. Fields that it does not look at are told of. Who implements one takes it out here. */
import type { Written } from './json-merge.ts';
import type { Ineffective, Patch } from './patch.ts';

const F = 'envoy.extensions.filters';
const T = 'envoy.extensions.transport_sockets';

/** Extensions that it reads, by message type. `src/proxy/filters/registry.ts`, `src/proxy/config/`. */
const EXTENSIONS: ReadonlySet<string> = new Set([
  `${F}.http.ext_authz.v3.ExtAuthz`, `${F}.http.fault.v3.HTTPFault`, `${F}.http.cors.v3.Cors`, `${F}.http.cors.v3.CorsPolicy`, `${F}.http.rbac.v3.RBAC`, `${F}.http.rbac.v3.RBACPerRoute`,
  `${F}.http.jwt_authn.v3.JwtAuthentication`, `${F}.http.jwt_authn.v3.PerRouteConfig`, `${F}.http.local_ratelimit.v3.LocalRateLimit`, `${F}.http.set_filter_state.v3.Config`, `${F}.http.grpc_web.v3.GrpcWeb`,
  `${F}.http.dynamic_forward_proxy.v3.FilterConfig`, `${F}.http.router.v3.Router`, `${F}.http.grpc_stats.v3.FilterConfig`, `${F}.http.wasm.v3.Wasm`, 'envoy.config.route.v3.FilterConfig',
  `${F}.network.http_connection_manager.v3.HttpConnectionManager`, `${F}.network.tcp_proxy.v3.TcpProxy`, `${F}.network.rbac.v3.RBAC`, `${F}.network.sni_cluster.v3.SniCluster`, `${F}.network.sni_dynamic_forward_proxy.v3.FilterConfig`,
  `${F}.listener.original_dst.v3.OriginalDst`, `${F}.listener.proxy_protocol.v3.ProxyProtocol`, `${F}.listener.tls_inspector.v3.TlsInspector`, `${F}.listener.http_inspector.v3.HttpInspector`,
  `${T}.raw_buffer.v3.RawBuffer`, `${T}.tls.v3.DownstreamTlsContext`, `${T}.tls.v3.UpstreamTlsContext`, `${T}.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions', 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', 'envoy.extensions.outlier_detection_monitors.consecutive_errors.v3.ConsecutiveErrors',
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin', 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest', 'envoy.extensions.load_balancing_policies.random.v3.Random',
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev', 'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash',
  'envoy.extensions.access_loggers.file.v3.FileAccessLog', 'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', 'envoy.extensions.access_loggers.stream.v3.StderrAccessLog',
  'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', 'envoy.config.trace.v3.OpenTelemetryConfig', 'envoy.config.trace.v3.ZipkinConfig',
  'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
  'stats.PluginConfig', 'io.istio.http.peer_metadata.Config', 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig', 'istio.envoy.config.filter.http.alpn.v2alpha1.Config', 'envoy.tcp.metadataexchange.config.MetadataExchange',
]);

/** Fields that it does not look at, by message type. Those that only name statistics are left out: it has none by these names. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  'envoy.config.listener.v3.Listener':
    'additional_addresses per_connection_buffer_limit_bytes drain_type transparent freebind socket_options tcp_fast_open_queue_length udp_listener_config api_listener connection_balance_config reuse_port enable_reuse_port tcp_backlog_size max_connections_to_accept_per_socket_event internal_listener enable_mptcp ignore_global_conn_limit bypass_overload_manager',
  'envoy.config.listener.v3.FilterChain': 'use_proxy_proto on_demand_configuration',
  'envoy.config.listener.v3.FilterChainMatch': 'address_suffix suffix_len',
  'envoy.config.listener.v3.ListenerFilter': 'filter_disabled',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager':
    'add_user_agent http3_protocol_options scheme_header_transformation access_log_flush_interval flush_access_log_on_new_request access_log_options original_ip_detection_extensions early_header_mutation_extensions represent_ipv4_remote_address_as_ipv4_mapped_ipv6 request_id_extension stream_error_on_invalid_http_message path_normalization_options strip_trailing_host_dot proxy_status_config typed_header_validation_config append_local_overload add_proxy_protocol_connection_state',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing': 'verbose spawn_upstream_span',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig': 'filters',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails': 'chain',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig': 'unix_sockets',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': 'on_demand metadata_match downstream_idle_timeout upstream_idle_timeout max_downstream_connection_duration access_log_flush_interval flush_access_log_on_connected access_log_options',
  'envoy.config.core.v3.Http1ProtocolOptions': 'allow_absolute_url default_host_for_http_10 header_key_format allow_chunked_length override_stream_error_on_invalid_http_message send_fully_qualified_url allow_custom_methods',
  'envoy.config.core.v3.Http2ProtocolOptions': 'allow_metadata stream_error_on_invalid_http_messaging override_stream_error_on_invalid_http_message custom_settings_parameters',
  'envoy.config.cluster.v3.Cluster':
    'per_connection_buffer_limit_bytes health_checks dns_failure_refresh_rate respect_dns_ttl dns_resolvers use_tcp_for_dns_lookups dns_resolution_config typed_dns_resolver_config wait_for_warm_on_init cleanup_interval lb_subset_config close_connections_on_host_health_failure ignore_health_on_host_removal filters lrs_server lrs_report_endpoint_metrics track_timeout_budgets upstream_config preconnect_policy connection_pool_per_downstream_connection',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig': 'zone_aware_lb_config update_merge_window ignore_new_hosts_until_first_hc close_connections_on_host_set_change override_host_status',
  'envoy.config.cluster.v3.CircuitBreakers': 'per_host_thresholds',
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds': 'max_connection_pools',
  'envoy.config.cluster.v3.OutlierDetection': 'enforcing_local_origin_success_rate enforcing_failure_percentage_local_origin max_ejection_time_jitter successful_active_health_check_uneject_host',
  'envoy.config.cluster.v3.UpstreamConnectionOptions': 'set_local_interface_name_on_upstream_connections happy_eyeballs_config',
  'envoy.config.core.v3.BindConfig': 'freebind socket_options extra_source_addresses additional_source_addresses local_address_selector',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': 'http_filters header_validation_config',
  'envoy.config.core.v3.UpstreamHttpProtocolOptions': 'override_auto_sni_header',
  'envoy.config.endpoint.v3.Endpoint': 'health_check_config additional_addresses',
  'envoy.config.route.v3.RouteConfiguration': 'internal_only_headers most_specific_header_mutations_wins max_direct_response_body_size_bytes cluster_specifier_plugins ignore_path_parameters_in_path_matching request_mirror_policies typed_per_filter_config',
  'envoy.config.route.v3.VirtualHost': 'matcher virtual_clusters cors retry_policy_typed_config hedge_policy per_request_buffer_limit_bytes',
  'envoy.config.route.v3.Route': 'tracing per_request_buffer_limit_bytes',
  'envoy.config.route.v3.RouteAction': 'metadata_match early_data_policy retry_policy_typed_config cors grpc_timeout_offset internal_redirect_policy internal_redirect_action max_internal_redirects hedge_policy',
  'envoy.config.route.v3.RouteMatch': 'tls_context',
  'envoy.config.route.v3.RetryPolicy': 'per_try_idle_timeout retry_priority retry_options_predicates rate_limited_retry_back_off',
  'envoy.extensions.filters.http.fault.v3.HTTPFault': 'downstream_nodes delay_percent_runtime abort_percent_runtime delay_duration_runtime abort_http_status_runtime max_active_faults_runtime response_rate_limit_percent_runtime abort_grpc_status_runtime filter_metadata',
  'envoy.extensions.filters.http.cors.v3.CorsPolicy': 'shadow_enabled',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz':
    'failure_mode_allow_header_add validate_mutations metadata_context_namespaces typed_metadata_context_namespaces route_metadata_context_namespaces route_typed_metadata_context_namespaces filter_enabled deny_at_disable include_peer_certificate bootstrap_metadata_labels_key disallowed_headers include_tls_session encode_raw_headers decoder_header_mutation_rules enable_dynamic_metadata_ingestion',
  'envoy.extensions.filters.http.router.v3.Router': 'start_child_span upstream_log upstream_log_options strict_check_headers respect_expected_rq_timeout upstream_http_filters',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication': 'filter_state_rules strip_failure_response',
};

/** Fields because of which it refuses what they stand in. */
const REFUSED: Readonly<Record<string, string>> = {
  'envoy.config.listener.v3.Listener': 'filter_chain_matcher',
  'envoy.config.listener.v3.Filter': 'config_discovery',
  'envoy.config.listener.v3.ListenerFilter': 'config_discovery',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': 'scoped_routes',
  'envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig': 'body_format',
  'envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper': 'body_format_override',
  'envoy.config.route.v3.Route': 'filter_action non_forwarding_action',
  'envoy.config.route.v3.RouteAction': 'cluster_specifier_plugin inline_cluster_specifier_plugin path_rewrite_policy',
  'envoy.config.route.v3.RateLimit': 'limit',
  'envoy.config.route.v3.RateLimit.Action': 'source_cluster masked_remote_address dynamic_metadata metadata extension',
  'envoy.config.endpoint.v3.LbEndpoint': 'endpoint_name',
  'envoy.config.endpoint.v3.LocalityLbEndpoints': 'leds_cluster_locality_config',
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit': 'local_rate_limit_per_downstream_connection local_cluster_rate_limit',
  'envoy.extensions.filters.http.fault.v3.HTTPFault': 'response_rate_limit',
  'envoy.extensions.filters.http.rbac.v3.RBAC': 'matcher shadow_matcher',
  'envoy.extensions.filters.network.rbac.v3.RBAC': 'matcher',
};

type FieldTable = ReadonlyMap<string, ReadonlySet<string>>;
const fieldTable = (table: Readonly<Record<string, string>>): FieldTable => new Map(Object.entries(table).map(([type, names]) => [type, new Set(names.split(' '))]));
const [USELESS, REFUSES] = [fieldTable(WITHOUT_EFFECT), fieldTable(REFUSED)];
const isIn = (table: FieldTable, { type, field }: Written): boolean => field !== undefined && table.get(type)?.has(field) === true;

/** True of an extension that our own proxy reads. */
export const hasExtension = (type: string): boolean => EXTENSIONS.has(type);

/** For the tests of these tables, which compare them with the proxy’s sources. */
export const namedFields = (): (readonly [type: string, fields: ReadonlySet<string>])[] => [...USELESS, ...REFUSES];
export const uselessNames = (): FieldTable => USELESS;
export const namedExtensions = (): ReadonlySet<string> => EXTENSIONS;

const WAY_OUT = 'the other proxies get it; with Envoy as the proxy it is in effect';

/** Why our own proxy cannot be given the patch; undefined: it can. */
export function lackingExtension({ written, unread }: Patch): Ineffective | undefined {
  const lacking = written.find(({ type, field }) => field === undefined && !hasExtension(type));
  const [problem] = unread;
  if (!lacking && problem) return { path: problem.path, why: `${problem.message}, so that the patch is left out for our own proxy; ${WAY_OUT}` };
  const refused = written.find((w) => isIn(REFUSES, w));
  if (!lacking && refused) return { path: refused.path, why: `our own proxy has no such thing, so that the patch is left out for it; ${WAY_OUT}` };
  return lacking && { path: lacking.path, why: `our own proxy has no ${lacking.type}, so that the patch is left out for it; ${WAY_OUT}` };
}

/** Fields of a patch that our own proxy does not look at. */
export const uselessFields = ({ written }: Patch): Ineffective[] => written.filter((w) => isIn(USELESS, w)).map(({ path }) => ({ path, why: `our own proxy does not look at it; ${WAY_OUT}` }));

/** The patch as our own proxy can take it: it does not fetch extensions, so that their configuration stands where it is asked for. */
export function forOwnProxy(patches: readonly Patch[]): { readonly patches: readonly Patch[]; readonly told: readonly { patch: Patch; told: Ineffective }[] } {
  const extensions = new Map(patches.flatMap((patch) => (patch.place === 'EXTENSION_CONFIG' && !lackingExtension(patch) ? [[nameOf(patch.value), patch] as const] : [])));
  const told: { patch: Patch; told: Ineffective }[] = [];
  const kept = patches.flatMap((patch): Patch[] => {
    const lacking = patch.place === 'BOOTSTRAP' ? noBootstrap(patch) : lackingExtension(patch);
    const wanted = patch.place === 'HTTP_FILTER' ? discovered(patch.value) : undefined;
    const extension = wanted && extensions.get(wanted);
    if (!lacking && wanted !== undefined && !extension) told.push({ patch, told: { path: `${patch.path}.patch.value.config_discovery`, why: `no EXTENSION_CONFIG is named ${wanted} that our own proxy has` } });
    for (const field of lacking ? [lacking] : uselessFields(patch)) told.push({ patch, told: field });
    if (lacking || patch.place === 'EXTENSION_CONFIG' || (wanted !== undefined && !extension)) return [];
    return [extension ? { ...patch, value: inlined(patch.value, extension.value) } : patch];
  });
  return { patches: kept, told };
}

const noBootstrap = ({ path }: Patch): Ineffective => ({ path, why: `our own proxy has no bootstrap as Envoy’s; ${WAY_OUT}` });

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const nameOf = (value: unknown): string => (isObject(value) && typeof value['name'] === 'string' ? value['name'] : '');

/** The name of the extension by which a filter is configured. */
const discovered = (value: unknown): string | undefined => (isObject(value) && (value['config_discovery'] ?? value['configDiscovery']) !== undefined ? nameOf(value) : undefined);

function inlined(filter: unknown, extension: unknown): unknown {
  if (!isObject(filter) || !isObject(extension)) return filter;
  const { config_discovery: _snake, configDiscovery: _camel, ...rest } = filter;
  return { ...rest, typed_config: extension['typed_config'] ?? extension['typedConfig'] };
}
