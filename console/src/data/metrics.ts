/** Series for charts and latencies of one place in the mesh. */
import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { queryInstant, queryRange, type RangeSeries } from '../api/prometheus.ts';
import { useSettings } from '../settings/settings.ts';

const POINTS = 60;
/** A chart looks back further than the traffic's window, to show where it comes from. */
const LEAST_CHART_SECONDS = 600;

export function useChart(key: string, query: (rateWindow: string) => string): UseQueryResult<RangeSeries[]> {
  const { durationSeconds, refreshMs } = useSettings();
  const windowSeconds = Math.max(LEAST_CHART_SECONDS, durationSeconds);
  const stepSeconds = Math.max(5, Math.round(windowSeconds / POINTS));
  const rateWindow = `${Math.max(30, stepSeconds * 3)}s`;
  return useQuery({
    queryKey: ['chart', key, windowSeconds],
    queryFn: ({ signal }) => queryRange({ query: query(rateWindow), windowSeconds, stepSeconds }, signal),
    refetchInterval: refreshMs,
    placeholderData: keepPreviousData,
  });
}

export interface Latencies {
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
}

/** Milliseconds at the window's end. @param selector label matchers without braces */
export function useLatencies(selector: string): Latencies {
  const { duration, refreshMs } = useSettings();
  const { data } = useQuery({
    queryKey: ['latency', selector, duration],
    queryFn: async ({ signal }) => {
      const one = async (q: number) => (await queryInstant(`histogram_quantile(${q}, sum by (le) (rate(istio_request_duration_milliseconds_bucket{${selector}}[${duration}])))`, signal))[0]?.value;
      const [p50, p95, p99] = await Promise.all([one(0.5), one(0.95), one(0.99)]);
      return { p50, p95, p99 };
    },
    refetchInterval: refreshMs,
    placeholderData: keepPreviousData,
  });
  return data ?? { p50: undefined, p95: undefined, p99: undefined };
}
