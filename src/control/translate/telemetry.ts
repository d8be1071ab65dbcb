import type { AccessLogging, Telemetry, Tracing } from '../../api/telemetry.ts';
import type { Stored } from '../../kube/object.ts';
import { policiesFor } from '../registry/policies.ts';
import { accessLogs, logSwitches, onlyRefused, type AccessLogInit } from './access-logs.ts';
import { outcomeLog } from './agent.ts';
import { buildTracing, type TracingInit } from './tracing.ts';
import type { Context } from './context.ts';
import { pluginPlan, type Plugin } from './wasm.ts';

export type Side = 'CLIENT' | 'SERVER';
const SIDES: readonly Side[] = ['CLIENT', 'SERVER'];

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
  const { logging, tracing } = rulesOf(context, side);
  const logs = (layer: 'http' | 'tcp') => accessLogs(logging, { context, layer, switchOf: (provider) => logSwitch(side, provider) });
  const tcpLog = logs('tcp');
  return {
    accessLog: logs('http'), tcpLog, refusals: tcpLog.map(onlyRefused), tracing: buildTracing(tracing, context),
    outcomes: outcomeLog(context.proxy, side === 'SERVER' ? 'destination' : 'source'), plugins: pluginPlan(context, side),
  };
}

/** Values for Envoy's runtime, percent by name: what can change without a change of the listeners. */
export const runtimeValues = (context: Context): Readonly<Record<string, number>> =>
  Object.fromEntries(SIDES.flatMap((side) => Array.from(logSwitches(rulesOf(context, side).logging, context), ([provider, isOn]) => [logSwitch(side, provider), isOn ? 100 : 0])));

const logSwitch = (side: Side, provider: string): string => `lateen.access_log.${side}.${provider}`;

/** Of the Telemetry objects in force, the narrowest last. */
function rulesOf(context: Context, side: Side): { logging: AccessLogging[]; tracing: Tracing[] } {
  const { snapshot, settings, proxy, labels } = context;
  const objects = policiesFor(snapshot.telemetries, { namespace: proxy.namespace, labels }, settings.config.rootNamespace);
  if (proxy.isOurs) for (const object of objects) reportExpressions(object, side, context);
  return {
    logging: objects.flatMap(({ spec }) => (spec?.accessLogging ?? []).filter((rule) => isFor(rule, side))),
    tracing: objects.flatMap(({ spec }) => (spec?.tracing ?? []).filter((rule) => isFor(rule, side))),
  };
}

/** Our own proxy does not read them. */
function reportExpressions({ metadata, spec }: Stored<Telemetry>, side: Side, context: Context): void {
  for (const [i, rule] of (spec?.accessLogging ?? []).entries()) {
    if (!rule.filter?.expression || !isFor(rule, side)) continue;
    context.report({ kind: 'Telemetry', namespace: metadata.namespace ?? '', name: metadata.name, field: `spec.accessLogging[${i}].filter.expression`, reason: 'our own proxy logs every call; with Envoy as the proxy it is in effect' });
  }
}

const isFor = (rule: AccessLogging | Tracing, side: Side): boolean => {
  const mode = rule.match?.mode ?? 'CLIENT_AND_SERVER';
  return mode === 'CLIENT_AND_SERVER' || mode === side;
};
