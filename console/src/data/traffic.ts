/** The mesh's traffic, asked once and shared by every page that shows any of it. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { queryInstant } from '../api/prometheus.ts';
import { bytesQuery, type Call, callsOf, requestsQuery, touchesNamespace } from '../model/traffic.ts';
import { useSettings } from '../settings/settings.ts';

export interface TrafficState {
  readonly calls: readonly Call[];
  readonly isLoading: boolean;
  readonly error: Error | null;
  /** Milliseconds since the epoch; 0 before the first answer. */
  readonly updatedAt: number;
}

/** Calls of the chosen window; of the chosen namespaces unless `everywhere`. */
export function useTraffic(options: { everywhere?: boolean } = {}): TrafficState {
  const { duration, refreshMs, namespaces } = useSettings();
  const query = useQuery({
    queryKey: ['traffic', duration],
    queryFn: async ({ signal }) => {
      const [requests, bytes] = await Promise.all([queryInstant(requestsQuery(duration), signal), queryInstant(bytesQuery(duration), signal)]);
      return callsOf(requests, bytes);
    },
    refetchInterval: refreshMs,
    placeholderData: keepPreviousData,
  });
  const all = query.data ?? [];
  return {
    calls: options.everywhere ? all : all.filter((call) => touchesNamespace(call, namespaces)),
    isLoading: query.isPending,
    error: query.error,
    updatedAt: query.dataUpdatedAt,
  };
}
