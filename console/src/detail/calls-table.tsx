import { formatPercent } from '../model/format.ts';
import { healthOf, totalsOf } from '../model/health.ts';
import type { Call } from '../model/traffic.ts';
import { servicePath, workloadPath } from '../pages/pages.ts';
import { Link } from '../route/link.tsx';
import { Badge, HealthDot, MtlsBadge } from '../ui/badges.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Empty } from '../ui/state.tsx';
import { ErrorCell, RateCell } from '../ui/traffic-cells.tsx';

const health = (call: Call) => (call.protocol === 'tcp' ? 'healthy' : healthOf(call));

/** Who calls, or who is called. */
export function CallsTable({ calls, end, label }: { calls: readonly Call[]; end: 'source' | 'destination'; label: string }) {
  const total = calls.reduce((sum, call) => sum + call.rate, 0);
  const columns: readonly Column<Call>[] = [
    { name: '', width: '34px', cell: (call) => <HealthDot health={health(call)} /> },
    {
      name: end === 'source' ? 'Caller' : 'Called',
      sortBy: (call) => call[end].workload,
      cell: (call) => (call[end].workload === 'unknown' ? <span className="muted">unknown</span> : <span className="row"><Link to={workloadPath(call[end].namespace, call[end].workload)}>{call[end].workload}</Link><span className="muted">{call[end].namespace}</span></span>),
    },
    { name: 'Service', sortBy: (call) => call.service.name, cell: (call) => (call.service.namespace === 'unknown' ? call.service.host : <Link to={servicePath(call.service.namespace, call.service.name)}>{call.service.name}</Link>) },
    { name: 'Protocol', cell: (call) => <Badge tone={call.protocol === 'tcp' ? 'info' : 'plain'}>{call.protocol}</Badge> },
    { name: 'mTLS', cell: (call) => <MtlsBadge share={call.mtls} /> },
    { name: 'Rate', align: 'right', sortBy: (call) => call.rate, cell: (call) => <RateCell totals={totalsOf([call])} /> },
    { name: 'Share', align: 'right', sortBy: (call) => call.rate, cell: (call) => formatPercent(call.rate / total) },
    { name: 'Errors', align: 'right', cell: (call) => <ErrorCell totals={totalsOf([call])} /> },
  ];
  return <Table label={label} rows={calls} columns={columns} keyOf={(call) => [call.source.namespace, call.source.workload, call.service.namespace, call.service.name, call.destination.workload, call.protocol].join('/')} empty={<Empty title="No traffic in this window">Send some, or choose a longer window at the top.</Empty>} />;
}
