/** Response times of every edge at once, asked only while the labels show them. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { queryInstant } from '../api/prometheus.ts';
import type { GraphEdge } from '../model/graph.ts';
import { useSettings } from '../settings/settings.ts';

const QUANTILES: Readonly<Record<string, number>> = { p50: 0.5, p95: 0.95, p99: 0.99 };
const BY = 'source_workload, source_workload_namespace, destination_workload, destination_workload_namespace, destination_service_name';

/** Milliseconds of an edge, or undefined while unknown. An edge of several calls shows its slowest. */
export function useEdgeLatency(label: string): (edge: GraphEdge) => number | undefined {
  const { duration, refreshMs } = useSettings();
  const quantile = QUANTILES[label];
  const { data } = useQuery({
    queryKey: ['edge-latency', quantile, duration],
    enabled: quantile !== undefined,
    queryFn: async ({ signal }) => {
      const samples = await queryInstant(`histogram_quantile(${quantile}, sum by (le, ${BY}) (rate(istio_request_duration_milliseconds_bucket{reporter="source"}[${duration}])))`, signal);
      return new Map(samples.filter((sample) => Number.isFinite(sample.value)).map(({ labels, value }) => [[labels['source_workload_namespace'], labels['source_workload'], labels['destination_service_name'], labels['destination_workload_namespace'], labels['destination_workload']].join('|'), value]));
    },
    refetchInterval: refreshMs,
    placeholderData: keepPreviousData,
  });
  return (edge) => {
    if (quantile === undefined || !data) return undefined;
    const values = edge.calls.flatMap((call) => data.get([call.source.namespace, call.source.workload, call.service.name, call.destination.namespace, call.destination.workload].join('|')) ?? []);
    return values.length > 0 ? Math.max(...values) : undefined;
  };
}
