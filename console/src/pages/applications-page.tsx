import { useApplicationRows } from '../data/rows.ts';
import type { ApplicationRow } from '../model/inventory.ts';
import { Link } from '../route/link.tsx';
import { Badge, HealthDot, MtlsBadge } from '../ui/badges.tsx';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ErrorCell, RateCell } from '../ui/traffic-cells.tsx';
import { VersionShares } from '../ui/version-shares.tsx';
import { applicationPath } from './pages.ts';

const COLUMNS: readonly Column<ApplicationRow>[] = [
  { name: '', width: '34px', cell: (row) => <HealthDot health={row.health} /> },
  { name: 'Application', sortBy: (row) => row.name, cell: (row) => <Link to={applicationPath(row.namespace, row.name)}>{row.name}</Link> },
  { name: 'Namespace', sortBy: (row) => row.namespace, cell: (row) => row.namespace },
  { name: 'Versions', sortBy: (row) => row.workloads.length, cell: (row) => <span className="row">{row.workloads.map((workload) => <Badge key={workload.name} tone="accent">{workload.version || workload.name}</Badge>)}</span> },
  { name: 'Split', width: '22%', cell: (row) => <VersionShares rows={row.workloads} /> },
  { name: 'mTLS', cell: (row) => (row.traffic.inbound.mtls === undefined ? <span className="muted">–</span> : <MtlsBadge share={row.traffic.inbound.mtls} />) },
  { name: 'In', align: 'right', sortBy: (row) => row.traffic.inbound.rate, cell: (row) => <RateCell totals={row.traffic.inbound} /> },
  { name: 'Out', align: 'right', sortBy: (row) => row.traffic.outbound.rate, cell: (row) => <RateCell totals={row.traffic.outbound} /> },
  { name: 'Errors', align: 'right', cell: (row) => <ErrorCell totals={row.traffic.inbound} /> },
];

export function ApplicationsPage() {
  const { rows, isLoading, error } = useApplicationRows();
  if (error) return <Failure error={error} />;
  if (isLoading) return <Skeleton rows={9} />;
  return <Table label="applications" testId="applications-table" rows={rows} columns={COLUMNS} keyOf={(row) => `${row.namespace}/${row.name}`} searchText={(row) => `${row.name} ${row.namespace}`} empty={<Empty title="No applications here">An application is made of workloads that share an <code>app</code> label. Choose other namespaces at the top.</Empty>} />;
}
