import { useChart } from '../data/metrics.ts';
import { formatRate } from '../model/format.ts';
import { Chart } from '../ui/chart.tsx';

/** Requests of the whole mesh, counted where they arrive. */
export function MeshChart() {
  const all = useChart('mesh', (window) => `sum(rate(istio_requests_total{reporter="destination"}[${window}]))`);
  const failed = useChart('mesh errors', (window) => `sum(rate(istio_requests_total{reporter="destination", response_code=~"[45].."}[${window}]))`);
  return (
    <Chart
      label="Requests per second in the mesh"
      height={238}
      format={formatRate}
      lines={[
        { label: 'requests', color: '--accent', series: all.data?.[0] },
        { label: 'errors', color: '--bad', series: failed.data?.[0] },
      ]}
    />
  );
}
