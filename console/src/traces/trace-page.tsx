import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { getTrace } from '../api/jaeger.ts';
import { formatMicros } from '../model/format.ts';
import { hueOf, traceView } from '../model/trace.ts';
import { Badge } from '../ui/badges.tsx';
import { Card, Stat } from '../ui/card.tsx';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';
import { Waterfall } from './waterfall.tsx';

export function TracePage({ id }: { id: string }) {
  const { data, error, isPending, refetch } = useQuery({ queryKey: ['trace', id], queryFn: async ({ signal }) => (await getTrace(id, signal)) ?? null });
  const view = useMemo(() => (data ? traceView(data) : undefined), [data]);
  const [open, setOpen] = useState<string>();
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (isPending) return <Skeleton rows={10} />;
  if (!view) return <Empty title="This trace is not here any more">The store keeps the newest traces; older ones make room.</Empty>;
  return (
    <div className="stack" data-testid="trace" data-spans={view.rows.length}>
      <Card>
        <div className="spread">
          <div>
            <h2 className="trace-title">{view.title}</h2>
            <span className="muted mono">{view.id}</span>
          </div>
          <div className="stats">
            <Stat label="duration" value={formatMicros(view.durationUs)} />
            <Stat label="spans" value={view.rows.length} />
            <Stat label="services" value={view.services.length} />
            <Stat label="errors" value={view.errors} tone={view.errors > 0 ? 'bad' : 'good'} />
          </div>
        </div>
        <div className="row-wrap trace-services">
          {view.services.map((service) => (
            <span key={service} className="service-chip" style={{ ['--hue' as string]: hueOf(service) }}>
              {service}
            </span>
          ))}
          <Badge>started {new Date(view.startUs / 1000).toLocaleString([], { hour12: false })}</Badge>
        </div>
      </Card>
      <Waterfall view={view} open={open} onOpen={setOpen} />
    </div>
  );
}
