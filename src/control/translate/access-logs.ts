/** Where the lines of access logs go, what stands in them, and which are written. */
import type { AccessLogging } from '../../api/telemetry.ts';
import type { AccessLogSchema } from '../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import type { SubstitutionFormatStringSchema } from '../../xds/generated/envoy/config/core/v3/substitution_format_string_pb.js';
import { FileAccessLogSchema } from '../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { ExpressionFilterSchema } from '../../xds/generated/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import { StdoutAccessLogSchema } from '../../xds/generated/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import type { Context } from './context.ts';
import { pack, type Init } from './message.ts';

export type AccessLogInit = Init<typeof AccessLogSchema>;
type LogFilterInit = NonNullable<AccessLogInit['filter']>;
type FormatInit = Init<typeof SubstitutionFormatStringSchema>;

/** Objects behind what happened, as paths in the API server: the VirtualService whose rule it was; when no rule was for the
 * request, the VirtualServices or Gateways of its host, and inbound the policies that ask a request who it is; the
 * DestinationRule of where it went. AuthorizationPolicies stand in RESPONSE_CODE_DETAILS. */
const OBJECT_OF_ROUTE = '%METADATA(ROUTE:istio:config)%';
const OBJECT_OF_HOST = '%METADATA(VIRTUAL_HOST:istio:config)%';
const OBJECT_OF_CLUSTER = '%METADATA(CLUSTER:istio:config)%';

/** In the place of the host's, on lines of connections: the policies of which one has to allow. */
const OBJECT_OF_CHAIN = '%METADATA(LISTENER_FILTER_CHAIN:istio:config)%';

/** Istio's line, and after it the objects. It ends in a newline, as Envoy's text formats must. */
export const DEFAULT_LOG_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ' +
  '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" ' +
  '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME% ' +
  `${OBJECT_OF_ROUTE} ${OBJECT_OF_HOST} ${OBJECT_OF_CLUSTER}\n`;

const JSON_FIELDS: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%', route_name: '%ROUTE_NAME%', method: '%REQ(:METHOD)%', path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%', protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%', response_flags: '%RESPONSE_FLAGS%', response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%', bytes_received: '%BYTES_RECEIVED%', bytes_sent: '%BYTES_SENT%', duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%', x_forwarded_for: '%REQ(X-FORWARDED-FOR)%', user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%', authority: '%REQ(:AUTHORITY)%', upstream_host: '%UPSTREAM_HOST%', upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%', downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%', downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%', upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  route_object: OBJECT_OF_ROUTE, host_object: OBJECT_OF_HOST, cluster_object: OBJECT_OF_CLUSTER,
};

/** The provider that stands for the mesh's file. */
const MESH_FILE = 'envoy';
const STANDARD_OUTPUT = '/dev/stdout';

interface LogOf {
  readonly context: Context;
  /** `tcp`: of connections that carry no HTTP. */
  readonly layer: 'http' | 'tcp';
  /** The name in Envoy's runtime that switches the log of a provider. */
  switchOf(provider: string): string;
}

/** @param rules of the Telemetry objects in force, the narrowest last */
export function accessLogs(rules: readonly AccessLogging[], of: LogOf): AccessLogInit[] {
  const { context, layer, switchOf } = of;
  const { names, expression } = chosenLogs(rules, context);
  const condition = expression ? [celFilter(expression)] : [];
  const switched = switchedLogs(context);
  const others = names.filter((name) => !switched.includes(name));
  return [
    ...switched.flatMap((name) => targetOf(name, context, layer).map((target) => withFilters(outputLog(target), [switchedBy(switchOf(name)), ...condition]))),
    ...others.flatMap((name) => targetOf(name, context, layer).map((target) => withFilters(fileLog(target), condition))),
  ];
}

/** Positions of the switches: names of providers whose lines are written, and of those whose lines are not. */
export function logSwitches(rules: readonly AccessLogging[], context: Context): ReadonlyMap<string, boolean> {
  const chosen = new Set(chosenLogs(rules, context).names);
  return new Map(switchedLogs(context).map((name) => [name, chosen.has(name)]));
}

interface LogChoice {
  /** Of providers. */
  readonly names: readonly string[];
  /** On which a line is written. */
  readonly expression?: string;
}

/** Telemetry objects decide when there are any; else the mesh's default providers; else its file. */
function chosenLogs(rules: readonly AccessLogging[], { settings: { config } }: Context): LogChoice {
  const defaults = config.defaultProviders.accessLogging;
  if (rules.length === 0) return { names: defaults.length > 0 || config.accessLogFile === '' ? defaults : [MESH_FILE] };
  const named = rules.findLast((r) => (r.providers?.length ?? 0) > 0)?.providers?.map((p) => p.name);
  const expression = rules.findLast((r) => r.filter?.expression)?.filter?.expression;
  return { names: rules.at(-1)?.disabled === true ? [] : (named ?? (defaults.length > 0 ? defaults : [MESH_FILE])), expression };
}

/** Logs that an Envoy whose runtime can be set always has, each with a switch: what a Telemetry object switches on or off is no other filter
 * chain, and ends no connection. Only those to its output: a file that cannot be opened takes the listener with it, also where nobody writes to it. */
function switchedLogs(context: Context): string[] {
  if (!context.proxy.fetchesParts) return [];
  const providers = context.settings.config.extensionProviders.filter((p) => p.envoyFileAccessLog).map((p) => p.name);
  return [MESH_FILE, ...providers].filter((name) => targetOf(name, context)[0]?.path === STANDARD_OUTPUT);
}

interface LogTarget {
  readonly path: string;
  readonly format: FormatInit;
}

/** One, or none where there is no such provider, or it is of another kind. */
function targetOf(provider: string, { settings: { config } }: Context, layer: LogOf['layer'] = 'http'): LogTarget[] {
  if (provider === MESH_FILE) return [{ path: config.accessLogFile || STANDARD_OUTPUT, format: meshFormat(config, layer) }];
  const file = config.extensionProviders.find((p) => p.name === provider)?.envoyFileAccessLog;
  if (!file) return [];
  const { labels, text } = file.logFormat ?? {};
  const format = labels ? jsonFormat(textValues(labels), file.omitEmptyValues) : textFormat(text ? withNewline(text) : defaultFormat(layer), file.omitEmptyValues);
  return [{ path: file.path || STANDARD_OUTPUT, format }];
}

const meshFormat = ({ accessLogFormat, accessLogEncoding }: Context['settings']['config'], layer: LogOf['layer']): FormatInit =>
  accessLogEncoding === 'JSON' ? jsonFormat(jsonFields(accessLogFormat, layer)) : textFormat(accessLogFormat ? withNewline(accessLogFormat) : defaultFormat(layer));

const defaultFormat = (layer: LogOf['layer']): string => (layer === 'http' ? DEFAULT_LOG_FORMAT : DEFAULT_LOG_FORMAT.replace(OBJECT_OF_HOST, OBJECT_OF_CHAIN));
const defaultFields = (layer: LogOf['layer']): Record<string, string> => (layer === 'http' ? { ...JSON_FIELDS } : { ...JSON_FIELDS, host_object: OBJECT_OF_CHAIN });

/** A custom JSON format is a flat object in the setting's text; one that cannot be read falls back to the default fields. */
function jsonFields(text: string, layer: LogOf['layer']): Record<string, string> {
  if (text === '') return defaultFields(layer);
  try {
    return textValues(JSON.parse(text));
  } catch {
    // Not JSON: the validator warns about it; logging goes on with the default fields.
    return defaultFields(layer);
  }
}

const textValues = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(typeof value === 'object' && value !== null ? value : {}).map(([key, v]) => [key, String(v)]));

const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);

const textFormat = (text: string, omitEmptyValues = false): FormatInit => ({ omitEmptyValues, format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: text } } } });
const jsonFormat = (fields: Record<string, string>, omitEmptyValues = false): FormatInit => ({ omitEmptyValues, format: { case: 'jsonFormat', value: fields } });

const fileLog = ({ path, format }: LogTarget): AccessLogInit => ({
  name: 'envoy.access_loggers.file',
  configType: { case: 'typedConfig', value: pack(FileAccessLogSchema, { path, accessLogFormat: { case: 'logFormat', value: format } }) },
});

/** To the standard output as Envoy has it, which need not be one that can be opened by its name. */
const outputLog = ({ format }: LogTarget): AccessLogInit => ({
  name: 'envoy.access_loggers.stdout',
  configType: { case: 'typedConfig', value: pack(StdoutAccessLogSchema, { accessLogFormat: { case: 'logFormat', value: format } }) },
});

function withFilters(log: AccessLogInit, filters: readonly LogFilterInit[]): AccessLogInit {
  const [only] = filters;
  if (!only) return log;
  return { ...log, filter: filters.length === 1 ? only : { filterSpecifier: { case: 'andFilter', value: { filters: [...filters] } } } };
}

/** Off unless the runtime says otherwise. */
const switchedBy = (runtimeKey: string): LogFilterInit => ({ filterSpecifier: { case: 'runtimeFilter', value: { runtimeKey, percentSampled: {}, useIndependentRandomness: true } } });

/** Istio: the listener's own log. */
export const onlyRefused = (log: AccessLogInit): AccessLogInit => withFilters({ ...log, filter: undefined }, [{ filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } } }, ...(log.filter ? [log.filter] : [])]);

const celFilter = (expression: string): LogFilterInit => ({
  filterSpecifier: {
    case: 'extensionFilter',
    value: { name: 'envoy.access_loggers.extension_filters.cel', configType: { case: 'typedConfig', value: pack(ExpressionFilterSchema, { expression }) } },
  },
});
