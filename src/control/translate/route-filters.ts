/** Per-route configuration of filters: faults and CORS. */
import type { Any } from '@bufbuild/protobuf/wkt';
import type { CorsPolicy, HttpFault } from '../../api/virtual-service.ts';
import { parseDuration } from '../../base/duration.ts';
import { CorsPolicySchema } from '../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { HTTPFaultSchema } from '../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import type { FractionalPercentSchema } from '../../xds/generated/envoy/type/v3/percent_pb.js';
import { FractionalPercent_DenominatorType as Denominator } from '../../xds/generated/envoy/type/v3/percent_pb.js';
import { durationOf, pack, type Init } from './message.ts';
import { stringMatcher } from './route-match.ts';

/** Exact to 0.0001 %. */
export function fraction(percent: number): Init<typeof FractionalPercentSchema> {
  return { numerator: Math.round(percent * 10_000), denominator: Denominator.MILLION };
}

const GRPC_CODES = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED',
];

/** A percentage that is left out means always, of a fault of which the block is there. */
export function faultConfig(fault: HttpFault): Any | undefined {
  const { delay, abort } = fault;
  const delayShare = delay && (delay.percentage?.value ?? delay.percent ?? 100);
  const abortShare = abort && (abort.percentage?.value ?? 100);
  const error = abortType(abort);
  const init: Init<typeof HTTPFaultSchema> = {
    ...(delay?.fixedDelay !== undefined && delayShare ? { delay: { percentage: fraction(delayShare), faultDelaySecifier: { case: 'fixedDelay', value: durationOf(delay.fixedDelay) ?? {} } } } : {}),
    ...(error && abortShare ? { abort: { percentage: fraction(abortShare), errorType: error } } : {}),
  };
  return init.delay || init.abort ? pack(HTTPFaultSchema, init) : undefined;
}

function abortType(abort: HttpFault['abort']): { case: 'httpStatus' | 'grpcStatus'; value: number } | undefined {
  if (abort?.httpStatus !== undefined) return { case: 'httpStatus', value: abort.httpStatus };
  const code = abort?.grpcStatus === undefined ? -1 : GRPC_CODES.indexOf(abort.grpcStatus);
  return code < 0 ? undefined : { case: 'grpcStatus', value: code };
}

export function corsConfig(cors: CorsPolicy): Any {
  const origins = [...(cors.allowOrigins ?? []), ...(cors.allowOrigin ?? []).map((exact) => (exact === '*' ? { regex: '.*' } : { exact }))];
  const unmatched = cors.unmatchedPreflights;
  return pack(CorsPolicySchema, {
    filterEnabled: { defaultValue: fraction(100) },
    allowOriginStringMatch: origins.flatMap((o) => stringMatcher(o) ?? []),
    allowMethods: (cors.allowMethods ?? []).join(','),
    allowHeaders: (cors.allowHeaders ?? []).join(','),
    exposeHeaders: (cors.exposeHeaders ?? []).join(','),
    maxAge: cors.maxAge === undefined ? '' : String(Math.round((parseDuration(cors.maxAge) ?? 0) / 1000)),
    ...(cors.allowCredentials === true || cors.allowCredentials === false ? { allowCredentials: cors.allowCredentials } : {}),
    forwardNotMatchingPreflights: unmatched !== 'IGNORE',
  });
}
