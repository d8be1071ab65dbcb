/** Access-log filters: which outcomes are logged. Source: envoy.config.accesslog.v3.AccessLogFilter. */
import type { AccessLogFilter, ComparisonFilter } from '../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import { decode } from '../../config/decode.ts';
import { compileHeaderMatcher } from '../../route/header-match.ts';
import type { Outcome } from '../../outcome.ts';
import { responseCodeOf } from '../../format/operators.ts';
import { asFields } from '../../route/request-view.ts';

export type OutcomeFilter = (outcome: Outcome) => boolean;

export interface CompiledFilter {
  readonly matches: OutcomeFilter;
  /** Kinds of filter that this proxy does not have; they let everything pass. */
  readonly unknown: readonly string[];
}

/** ComparisonFilter.Op; the generated enumeration would load the descriptors of half of Envoy's API. */
const Op = { GE: 1, LE: 2 } as const;
const DENOMINATORS: readonly number[] = [100, 10_000, 1_000_000];

export function compileFilter(encoded: Uint8Array | undefined, random: () => number = Math.random): CompiledFilter {
  const unknown: string[] = [];
  const matches = encoded ? compile(decode('accessLogFilter', encoded), unknown, random) : () => true;
  return { matches, unknown };
}

function compile(filter: AccessLogFilter, unknown: string[], random: () => number): OutcomeFilter {
  const spec = filter.filterSpecifier;
  switch (spec.case) {
    case 'statusCodeFilter': return compare(spec.value.comparison, responseCodeOf);
    case 'durationFilter': return compare(spec.value.comparison, (outcome) => outcome.durationMs);
    case 'grpcStatusFilter': {
      const { statuses, exclude } = spec.value;
      return (outcome) => statuses.some((status) => outcome.kind === 'http' && Number(status) === (outcome.grpcStatus ?? 0)) !== exclude;
    }
    case 'responseFlagFilter': {
      const { flags } = spec.value;
      return (outcome) => (flags.length === 0 ? outcome.flags.length > 0 : outcome.flags.some((flag) => flags.includes(flag)));
    }
    case 'runtimeFilter': {
      const { numerator = 0, denominator = 0 } = spec.value.percentSampled ?? {};
      const share = spec.value.percentSampled ? numerator / (DENOMINATORS[denominator] ?? 100) : 1;
      return () => random() < share;
    }
    case 'andFilter': {
      const all = spec.value.filters.map((f) => compile(f, unknown, random));
      return (outcome) => all.every((f) => f(outcome));
    }
    case 'orFilter': {
      const all = spec.value.filters.map((f) => compile(f, unknown, random));
      return (outcome) => all.some((f) => f(outcome));
    }
    case 'headerFilter': {
      const { header } = spec.value;
      const matches = header ? compileHeaderMatcher(header) : () => true;
      return (outcome) => outcome.kind === 'http' && matches({ method: outcome.method, path: outcome.path, authority: outcome.authority, scheme: '', headers: asFields(outcome.requestHeaders) });
    }
    case 'traceableFilter': return (outcome) => outcome.kind === 'http' && outcome.span?.sampled === true;
    // Nothing here answers health checks for the application.
    case 'notHealthCheckFilter': return () => true;
    default:
      unknown.push(spec.case ?? 'empty');
      return () => true;
  }
}

function compare(comparison: ComparisonFilter | undefined, read: (outcome: Outcome) => number): OutcomeFilter {
  const limit = comparison?.value?.defaultValue ?? 0;
  switch (comparison?.op as number | undefined) {
    case Op.GE: return (outcome) => read(outcome) >= limit;
    case Op.LE: return (outcome) => read(outcome) <= limit;
    default: return (outcome) => read(outcome) === limit;
  }
}
