import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { listTraceServices, searchTraces, type TraceSearch } from '../api/jaeger.ts';
import { traceView } from '../model/trace.ts';
import { usePlace } from '../route/route.ts';
import { useSettings } from '../settings/settings.ts';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';
import { SearchForm } from './search-form.tsx';
import { TraceList } from './trace-list.tsx';
import { TraceScatter } from './trace-scatter.tsx';

/** The search as the address bar has it; the first service that is not a gateway when none is chosen. */
function searchFrom(params: URLSearchParams, services: readonly string[]): TraceSearch {
  return {
    service: params.get('service') ?? services.find((name) => name.includes('gateway')) ?? services[0] ?? '',
    operation: params.get('operation') ?? '',
    tags: params.get('tags') ?? '',
    minDuration: params.get('min') ?? '',
    maxDuration: params.get('max') ?? '',
    lookback: params.get('lookback') ?? '1h',
    limit: Number(params.get('limit') ?? 50),
  };
}

export function TracesPage() {
  const { params } = usePlace();
  const { refreshMs } = useSettings();
  const services = useQuery({ queryKey: ['trace-services'], queryFn: ({ signal }) => listTraceServices(signal), refetchInterval: refreshMs });
  const search = searchFrom(params, services.data ?? []);
  const found = useQuery({
    queryKey: ['traces', search],
    queryFn: ({ signal }) => searchTraces(search, signal),
    enabled: search.service !== '',
    refetchInterval: refreshMs === false ? false : Math.max(5000, refreshMs),
    placeholderData: keepPreviousData,
  });
  if (services.error && !services.data) return <Failure error={services.error} onRetry={() => void services.refetch()} />;
  if (services.isPending) return <Skeleton rows={8} />;
  if (services.data.length === 0) {
    return (
      <Empty title="No traces yet" icon="traces">
        Sidecars send a span for every call once tracing is on (the demo profile samples 100 %). Send a request, and let the applications pass the <code>traceparent</code> or <code>x-b3-*</code> headers on.
      </Empty>
    );
  }
  const views = (found.data ?? []).map(traceView);
  return (
    <div className="traces">
      <SearchForm key={search.service} search={search} services={services.data} />
      <div className="stack">
        {found.error && <Failure error={found.error} />}
        {found.isPending && <Skeleton rows={8} />}
        {found.data && views.length === 0 && <Empty title="No trace matches">Widen the look-back, or drop a tag or a duration.</Empty>}
        {views.length > 0 && <TraceScatter traces={views} />}
        {views.length > 0 && <TraceList traces={views} />}
      </div>
    </div>
  );
}
