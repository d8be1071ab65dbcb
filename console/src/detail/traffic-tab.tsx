import { useChart, useLatencies } from '../data/metrics.ts';
import { formatLatency, formatPercent, formatRate } from '../model/format.ts';
import { errorShare, type TrafficTotals } from '../model/health.ts';
import { Card, Stat } from '../ui/card.tsx';
import { Chart } from '../ui/chart.tsx';
import { CodeTable } from '../ui/code-table.tsx';

interface TrafficTabProps {
  readonly title: string;
  /** Label matchers of istio_requests_total, without braces. */
  readonly selector: string;
  readonly totals: TrafficTotals;
}

/** Rate, errors, codes and response times of one direction. */
export function TrafficTab({ title, selector, totals }: TrafficTabProps) {
  const latencies = useLatencies(selector);
  const rate = useChart(`rate ${selector}`, (window) => `sum(rate(istio_requests_total{${selector}}[${window}]))`);
  const errors = useChart(`errors ${selector}`, (window) => `sum(rate(istio_requests_total{${selector}, response_code=~"[45]..|0"}[${window}]))`);
  const quantile = (q: number) => (window: string) => `histogram_quantile(${q}, sum by (le) (rate(istio_request_duration_milliseconds_bucket{${selector}}[${window}])))`;
  const [p50, p95, p99] = [useChart(`p50 ${selector}`, quantile(0.5)), useChart(`p95 ${selector}`, quantile(0.95)), useChart(`p99 ${selector}`, quantile(0.99))];
  const share = errorShare(totals);
  return (
    <div className="grid grid-two">
      <Card title={`${title}: requests`}>
        <div className="stats">
          <Stat label="now" value={formatRate(totals.rate)} />
          <Stat label="errors" value={formatPercent(share)} tone={share === 0 ? 'good' : share < 0.1 ? 'warn' : 'bad'} />
        </div>
        <Chart
          label={`${title}: requests per second`}
          format={formatRate}
          lines={[
            { label: 'requests', color: '--accent', series: rate.data?.[0] },
            { label: 'errors', color: '--bad', series: errors.data?.[0] },
          ]}
        />
        <CodeTable codes={totals.codes} total={totals.rate} />
      </Card>
      <Card title={`${title}: response time`}>
        <div className="stats">
          <Stat label="p50" value={formatLatency(latencies.p50)} />
          <Stat label="p95" value={formatLatency(latencies.p95)} />
          <Stat label="p99" value={formatLatency(latencies.p99)} />
        </div>
        <Chart
          label={`${title}: response time`}
          format={formatLatency}
          lines={[
            { label: 'p50', color: '--good', series: p50.data?.[0] },
            { label: 'p95', color: '--info', series: p95.data?.[0] },
            { label: 'p99', color: '--violet', series: p99.data?.[0] },
          ]}
        />
      </Card>
    </div>
  );
}
