import type { ExtensionProvider } from '../../api/mesh-config.ts';
import type { AccessLogging, Tracing } from '../../api/telemetry.ts';
import type { AccessLogSchema } from '../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import { FileAccessLogSchema } from '../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { ExpressionFilterSchema } from '../../xds/generated/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import { policiesFor } from '../registry/policies.ts';
import { outcomeLog } from './agent.ts';
import { buildTracing, type TracingInit } from './tracing.ts';
import type { Context } from './context.ts';
import { pack, type Init } from './message.ts';
import { pluginPlan, type Plugin } from './wasm.ts';

export type AccessLogInit = Init<typeof AccessLogSchema>;
type FileLogInit = Init<typeof FileAccessLogSchema>;
export type Side = 'CLIENT' | 'SERVER';

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

/** What one proxy reports on one side of a call, and what its users have put in there: worked out once, used by all its listeners. */
export interface TelemetryPlan {
  /** Of requests. */
  readonly accessLog: readonly AccessLogInit[];
  /** Of connections that carry no HTTP. */
  readonly tcpLog: readonly AccessLogInit[];
  /** Of connections that no filter chain takes. */
  readonly refusals: readonly AccessLogInit[];
  readonly tracing?: TracingInit;
  /** What the agent beside a stock Envoy is told. */
  readonly outcomes: readonly AccessLogInit[];
  readonly plugins: readonly Plugin[];
}

export function telemetryPlan(context: Context, side: Side): TelemetryPlan {
  const { config } = context.settings;
  const subject = { namespace: context.proxy.namespace, labels: context.labels };
  const policies = policiesFor(context.snapshot.telemetries, subject, config.rootNamespace).map((t) => t.spec ?? {});
  const logging = policies.flatMap((spec) => (spec.accessLogging ?? []).filter((l) => isFor(l, side)));
  const tracing = policies.flatMap((spec) => (spec.tracing ?? []).filter((t) => isFor(t, side)));
  const tcpLog = accessLog(logging, { context, layer: 'tcp' });
  return { accessLog: accessLog(logging, { context, layer: 'http' }), tcpLog, refusals: tcpLog.map(onlyRefused), tracing: buildTracing(tracing, context), outcomes: outcomeLog(context.proxy, side === 'SERVER' ? 'destination' : 'source'), plugins: pluginPlan(context, side) };
}

const isFor = (rule: AccessLogging | Tracing, side: Side): boolean => {
  const mode = rule.match?.mode ?? 'CLIENT_AND_SERVER';
  return mode === 'CLIENT_AND_SERVER' || mode === side;
};

interface LogOf {
  readonly context: Context;
  readonly layer: 'http' | 'tcp';
}

/** Telemetry objects decide when there are any, the narrowest last; else the mesh's default providers; else its file. */
function accessLog(rules: readonly AccessLogging[], of: LogOf): AccessLogInit[] {
  const { context } = of;
  const { config } = context.settings;
  if (rules.length === 0) {
    if (config.defaultProviders.accessLogging.length > 0) return config.defaultProviders.accessLogging.flatMap((name) => provided(name, of));
    return config.accessLogFile === '' ? [] : [meshFileLog(of)];
  }
  const last = rules.at(-1);
  if (last === undefined || last.disabled === true) return [];
  const named = rules.findLast((r) => (r.providers?.length ?? 0) > 0)?.providers?.map((p) => p.name);
  const names = named ?? (config.defaultProviders.accessLogging.length > 0 ? config.defaultProviders.accessLogging : ['envoy']);
  const expression = rules.findLast((r) => r.filter?.expression)?.filter?.expression;
  return names.flatMap((name) => provided(name, of)).map((log) => (expression ? { ...log, filter: celFilter(expression) } : log));
}

function provided(name: string, of: LogOf): AccessLogInit[] {
  if (name === 'envoy') return [{ ...meshFileLog(of) }];
  const provider: ExtensionProvider | undefined = of.context.settings.config.extensionProviders.find((p) => p.name === name);
  const file = provider?.envoyFileAccessLog;
  if (!file) return [];
  const format: Partial<FileLogInit> = file.logFormat?.labels
    ? { accessLogFormat: { case: 'logFormat', value: { omitEmptyValues: file.omitEmptyValues ?? false, format: { case: 'jsonFormat', value: textValues(file.logFormat.labels) } } } }
    : textFormat(file.logFormat?.text ? withNewline(file.logFormat.text) : defaultFormat(of), file.omitEmptyValues);
  return [fileLog(file.path || '/dev/stdout', format)];
}

function meshFileLog(of: LogOf): AccessLogInit {
  const { accessLogFile, accessLogFormat, accessLogEncoding } = of.context.settings.config;
  const path = accessLogFile || '/dev/stdout';
  if (accessLogEncoding !== 'JSON') return fileLog(path, textFormat(accessLogFormat ? withNewline(accessLogFormat) : defaultFormat(of)));
  return fileLog(path, { accessLogFormat: { case: 'logFormat', value: { format: { case: 'jsonFormat', value: jsonFields(accessLogFormat, of) } } } });
}

const defaultFormat = ({ layer }: LogOf): string => (layer === 'http' ? DEFAULT_LOG_FORMAT : DEFAULT_LOG_FORMAT.replace(OBJECT_OF_HOST, OBJECT_OF_CHAIN));
const defaultFields = ({ layer }: LogOf): Record<string, string> => (layer === 'http' ? { ...JSON_FIELDS } : { ...JSON_FIELDS, host_object: OBJECT_OF_CHAIN });

/** A custom JSON format is a flat object in the setting's text; one that cannot be read falls back to the default fields. */
function jsonFields(text: string, of: LogOf): Record<string, string> {
  if (text === '') return defaultFields(of);
  try {
    return textValues(JSON.parse(text));
  } catch {
    // Not JSON: the validator warns about it; logging goes on with the default fields.
    return defaultFields(of);
  }
}

const textValues = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(typeof value === 'object' && value !== null ? value : {}).map(([key, v]) => [key, String(v)]));

const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);

const textFormat = (text: string, omitEmptyValues = false): Partial<FileLogInit> => ({
  accessLogFormat: { case: 'logFormat', value: { omitEmptyValues, format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: text } } } } },
});

const fileLog = (path: string, format: Partial<FileLogInit>): AccessLogInit => ({
  name: 'envoy.access_loggers.file',
  configType: { case: 'typedConfig', value: pack(FileAccessLogSchema, { path, ...format }) },
});

/** Istio: the listener's own log. */
const onlyRefused = (log: AccessLogInit): AccessLogInit => {
  const filter: AccessLogInit['filter'] = { filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } } };
  return { ...log, filter: log.filter ? { filterSpecifier: { case: 'andFilter', value: { filters: [filter, log.filter] } } } : filter };
};

const celFilter = (expression: string): NonNullable<AccessLogInit['filter']> => ({
  filterSpecifier: {
    case: 'extensionFilter',
    value: { name: 'envoy.access_loggers.extension_filters.cel', configType: { case: 'typedConfig', value: pack(ExpressionFilterSchema, { expression }) } },
  },
});
