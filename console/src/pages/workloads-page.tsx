import { useWorkloadRows } from '../data/rows.ts';
import type { WorkloadRow } from '../model/inventory.ts';
import { Link } from '../route/link.tsx';
import { Badge, HealthDot, MtlsBadge } from '../ui/badges.tsx';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ErrorCell, RateCell } from '../ui/traffic-cells.tsx';
import { applicationPath, workloadPath } from './pages.ts';

const COLUMNS: readonly Column<WorkloadRow>[] = [
  { name: '', width: '34px', cell: (row) => <HealthDot health={row.health} />, },
  { name: 'Workload', sortBy: (row) => row.name, cell: (row) => <Link to={workloadPath(row.namespace, row.name)}>{row.name}</Link> },
  { name: 'Namespace', sortBy: (row) => row.namespace, cell: (row) => row.namespace },
  { name: 'Kind', sortBy: (row) => row.workload.kind ?? '', cell: (row) => <span className="muted">{row.workload.kind}</span> },
  { name: 'App', sortBy: (row) => row.app, cell: (row) => <span className="row"><Link to={applicationPath(row.namespace, row.app)}>{row.app}</Link>{row.version !== '' && <Badge tone="accent">{row.version}</Badge>}</span> },
  { name: 'Ready', sortBy: (row) => row.ready, cell: (row) => <span className={row.ready < row.desired ? 'tone-bad' : ''}>{`${row.ready}/${row.desired}`}</span> },
  { name: 'Sidecar', sortBy: (row) => Number(row.injected), cell: (row) => (row.injected ? <MtlsBadge share={row.traffic.inbound.mtls} /> : <Badge title="Label the namespace istio-injection=enabled and restart the pods">no sidecar</Badge>) },
  { name: 'In', align: 'right', sortBy: (row) => row.traffic.inbound.rate, cell: (row) => <RateCell totals={row.traffic.inbound} /> },
  { name: 'Out', align: 'right', sortBy: (row) => row.traffic.outbound.rate, cell: (row) => <RateCell totals={row.traffic.outbound} /> },
  { name: 'Errors', align: 'right', sortBy: (row) => row.traffic.inbound.codes.size, cell: (row) => <ErrorCell totals={row.traffic.inbound} /> },
];

export function WorkloadsPage() {
  const { rows, isLoading, error } = useWorkloadRows();
  if (error) return <Failure error={error} />;
  if (isLoading) return <Skeleton rows={9} />;
  return (
    <Table
      label="workloads"
      testId="workloads-table"
      rows={rows}
      columns={COLUMNS}
      keyOf={(row) => `${row.workload.kind}/${row.namespace}/${row.name}`}
      searchText={(row) => `${row.name} ${row.namespace} ${row.app} ${row.version} ${row.workload.kind}`}
      empty={<Empty title="No workloads here">Choose other namespaces at the top, or deploy something: <code>kubectl apply -f samples/bookinfo/platform/kube/bookinfo.yaml</code></Empty>}
    />
  );
}
