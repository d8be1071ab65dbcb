import { quoted } from '../api/prometheus.ts';
import { useApplicationRows } from '../data/rows.ts';
import { useTraffic } from '../data/traffic.ts';
import { workloadPath } from '../pages/pages.ts';
import { Link } from '../route/link.tsx';
import { Badge, HealthDot, MtlsBadge } from '../ui/badges.tsx';
import { Card } from '../ui/card.tsx';
import { Empty, Skeleton } from '../ui/state.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { ErrorCell, RateCell } from '../ui/traffic-cells.tsx';
import { VersionShares } from '../ui/version-shares.tsx';
import { CallsTable } from './calls-table.tsx';
import { TrafficTab } from './traffic-tab.tsx';

export function ApplicationPage({ namespace, name }: { namespace: string; name: string }) {
  const { rows, isLoading } = useApplicationRows();
  const { calls } = useTraffic({ everywhere: true });
  const row = rows.find((it) => it.namespace === namespace && it.name === name);
  if (isLoading) return <Skeleton rows={9} />;
  if (!row) return <Empty title={`There is no application ${name} in ${namespace}`}>It may have been deleted, or the namespaces at the top leave it out.</Empty>;
  const workloads = new Set(row.workloads.map((workload) => workload.name));
  const one = row.workloads.map((workload) => workload.name.replace(/[^\w-]/g, '.')).join('|');
  const inbound = calls.filter((call) => call.destination.namespace === namespace && workloads.has(call.destination.workload));
  const outbound = calls.filter((call) => call.source.namespace === namespace && workloads.has(call.source.workload));
  return (
    <>
      <Card title={<span className="row"><HealthDot health={row.health} withText /> <Badge>{namespace}</Badge> <MtlsBadge share={row.traffic.inbound.mtls} /></span>}>
        <VersionShares rows={row.workloads} />
        <ul className="plain-list versions">
          {row.workloads.map((workload) => (
            <li key={workload.name} className="spread">
              <span className="row">
                <HealthDot health={workload.health} />
                <Link to={workloadPath(namespace, workload.name)}>{workload.name}</Link>
                {workload.version !== '' && <Badge tone="accent">{workload.version}</Badge>}
              </span>
              <span className="row">
                <RateCell totals={workload.traffic.inbound} />
                <ErrorCell totals={workload.traffic.inbound} />
              </span>
            </li>
          ))}
        </ul>
      </Card>
      <Tabs
        label="Application"
        tabs={[
          { id: 'in', title: 'Inbound', body: () => <TrafficTab title="Inbound" totals={row.traffic.inbound} selector={`reporter="destination", destination_workload_namespace=${quoted(namespace)}, destination_workload=~${quoted(one)}`} /> },
          { id: 'out', title: 'Outbound', body: () => <TrafficTab title="Outbound" totals={row.traffic.outbound} selector={`reporter="source", source_workload_namespace=${quoted(namespace)}, source_workload=~${quoted(one)}`} /> },
          { id: 'calls', title: 'Calls', body: () => <div className="stack"><h3 className="section-title">Called by</h3><CallsTable calls={inbound} end="source" label="callers" /><h3 className="section-title">Calls</h3><CallsTable calls={outbound} end="destination" label="called" /></div> },
        ]}
      />
    </>
  );
}
