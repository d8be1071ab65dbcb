import { useServiceRows } from '../data/rows.ts';
import { useIstioConfig } from '../data/cluster.ts';
import { concernsService } from '../model/config-state.ts';
import type { ServiceRow } from '../model/inventory.ts';
import { Link } from '../route/link.tsx';
import { HealthDot, MtlsBadge } from '../ui/badges.tsx';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { ErrorCell, RateCell } from '../ui/traffic-cells.tsx';
import { servicePath } from './pages.ts';

export function ServicesPage() {
  const { rows, isLoading, error } = useServiceRows();
  const { data: config = [] } = useIstioConfig();
  if (error) return <Failure error={error} />;
  if (isLoading) return <Skeleton rows={9} />;
  const columns: readonly Column<ServiceRow>[] = [
    { name: '', width: '34px', cell: (row) => <HealthDot health={row.traffic.health} /> },
    { name: 'Service', sortBy: (row) => row.name, cell: (row) => <Link to={servicePath(row.namespace, row.name)}>{row.name}</Link> },
    { name: 'Namespace', sortBy: (row) => row.namespace, cell: (row) => row.namespace },
    { name: 'Type', sortBy: (row) => row.service.spec.type ?? '', cell: (row) => <span className="muted">{row.service.spec.type ?? 'ClusterIP'}</span> },
    { name: 'Ports', cell: (row) => <span className="mono">{(row.service.spec.ports ?? []).map((port) => `${port.name ?? port.port}${port.name ? `:${port.port}` : ''}`).join(', ')}</span> },
    {
      name: 'Config',
      cell: (row) => (
        <span className="row">
          {config
            .filter(({ object }) => concernsService(object, row.namespace, row.name))
            .map(({ kind, object }) => (
              <span key={`${kind.plural}/${object.metadata.name}`} className="kind-badge" title={`${kind.kind} ${object.metadata.name}`}>
                {kind.badge}
              </span>
            ))}
        </span>
      ),
    },
    { name: 'mTLS', cell: (row) => (row.traffic.inbound.mtls === undefined ? <span className="muted">–</span> : <MtlsBadge share={row.traffic.inbound.mtls} />) },
    { name: 'Requests', align: 'right', sortBy: (row) => row.traffic.inbound.rate, cell: (row) => <RateCell totals={row.traffic.inbound} /> },
    { name: 'Errors', align: 'right', cell: (row) => <ErrorCell totals={row.traffic.inbound} /> },
  ];
  return <Table label="services" testId="services-table" rows={rows} columns={columns} keyOf={(row) => `${row.namespace}/${row.name}`} searchText={(row) => `${row.name} ${row.namespace}`} empty={<Empty title="No services here">Choose other namespaces at the top.</Empty>} />;
}
