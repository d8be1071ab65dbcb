/** Injected delays and aborts. Envoy: envoy.filters.http.fault. */
import type { HTTPFault } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { ConfigError } from '../errors.ts';
import type { FilterContext, FilterStep, HttpFilter } from '../http/filter.ts';
import { compileHeaderMatcher, type RequestPredicate } from '../route/header-match.ts';
import { durationMs, fraction } from '../route/numbers.ts';

/** The most of `asked` percent that a header-driven fault may use, as 0…1. */
export interface FaultSettings {
  readonly delay?: { /** Undefined: from `x-envoy-fault-delay-request`. */ readonly ms?: number; readonly share: number };
  readonly abort?: { readonly status?: number; readonly grpcStatus?: number; readonly fromHeader: boolean; readonly share: number };
  readonly matches: readonly RequestPredicate[];
  /** Only for requests to this cluster; empty: all. */
  readonly cluster: string;
  readonly maxActive: number;
}

export function compileFault(message: HTTPFault): FaultSettings {
  if (message.responseRateLimit) throw new ConfigError('fault: response_rate_limit is not supported');
  const delay = message.delay?.faultDelaySecifier;
  const abort = message.abort?.errorType;
  return {
    delay: delay?.case === undefined ? undefined : { ms: delay.case === 'fixedDelay' ? durationMs(delay.value) : undefined, share: fraction(message.delay?.percentage, 0) },
    abort:
      abort?.case === undefined
        ? undefined
        : {
            status: abort.case === 'httpStatus' ? abort.value : undefined,
            grpcStatus: abort.case === 'grpcStatus' ? abort.value : undefined,
            fromHeader: abort.case === 'headerAbort',
            share: fraction(message.abort?.percentage, 0),
          },
    matches: message.headers.map(compileHeaderMatcher),
    cluster: message.upstreamCluster,
    maxActive: message.maxActiveFaults ?? Number.MAX_SAFE_INTEGER,
  };
}

export function createFaultFilter(name: string, own: FaultSettings): HttpFilter {
  let active = 0;
  return {
    name,
    onRequest(context) {
      const perRoute = context.perRoute(name);
      if (perRoute === null) return 'continue';
      const fault = (perRoute as FaultSettings | undefined) ?? own;
      if (!applies(fault, context)) return 'continue';
      const delayMs = chosenDelay(fault, context);
      if (delayMs === undefined || active >= fault.maxActive) return abort(fault, context, active);
      active++;
      context.addFlag('DI');
      const timer = context.clock.after(delayMs, () => {
        if (abort(fault, context, active - 1) === 'continue') context.resume();
      });
      context.atEnd(() => {
        active--;
        timer.cancel();
      });
      return 'stop';
    },
  };
}

function applies(fault: FaultSettings, context: FilterContext): boolean {
  if (!fault.delay && !fault.abort) return false;
  if (fault.cluster !== '' && context.destination?.cluster !== fault.cluster) return false;
  return fault.matches.every((matches) => matches(context.request));
}

function headerNumber(context: FilterContext, name: string): number | undefined {
  const value = context.request.headers.get(name);
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** A percentage in a header can only lower the configured one. */
function hits(context: FilterContext, share: number, header: string | undefined): boolean {
  const asked = header === undefined ? undefined : headerNumber(context, header);
  return context.random() < Math.min(share, asked === undefined ? 1 : asked / 100);
}

function chosenDelay(fault: FaultSettings, context: FilterContext): number | undefined {
  if (!fault.delay) return undefined;
  const { ms, share } = fault.delay;
  const delay = ms ?? headerNumber(context, 'x-envoy-fault-delay-request');
  if (delay === undefined || delay <= 0) return undefined;
  return hits(context, share, ms === undefined ? 'x-envoy-fault-delay-request-percentage' : undefined) ? delay : undefined;
}

function abort(fault: FaultSettings, context: FilterContext, active: number): FilterStep {
  if (!fault.abort || active >= fault.maxActive) return 'continue';
  const { fromHeader, share } = fault.abort;
  const grpcStatus = fault.abort.grpcStatus ?? (fromHeader ? headerNumber(context, 'x-envoy-fault-abort-grpc-request') : undefined);
  const status = fault.abort.status ?? (fromHeader ? headerNumber(context, 'x-envoy-fault-abort-request') : undefined) ?? (grpcStatus === undefined ? undefined : 200);
  if (status === undefined || status < 200 || status > 599) return 'continue';
  if (!hits(context, share, fromHeader ? 'x-envoy-fault-abort-request-percentage' : undefined)) return 'continue';
  context.reply({ status, body: 'fault filter abort', flag: 'FI', details: 'fault_filter_abort', grpcStatus });
  return 'done';
}
