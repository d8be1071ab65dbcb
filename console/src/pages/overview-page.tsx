import { useMemo } from 'react';
import { useIstioConfig, useNamespaces, usePods, useWorkloads } from '../data/cluster.ts';
import { useTraffic } from '../data/traffic.ts';
import { formatPercent, formatRate } from '../model/format.ts';
import { errorShare, totalsOf } from '../model/health.ts';
import { hasSidecar, workloadRows } from '../model/inventory.ts';
import { useSettings } from '../settings/settings.ts';
import { Card, Stat } from '../ui/card.tsx';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';
import { BusiestServices } from './busiest-services.tsx';
import { MeshChart } from './mesh-chart.tsx';
import { NamespaceCard } from './namespace-card.tsx';

/** Namespaces that only keep the cluster itself going; shown when chosen. */
const QUIET = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

export function OverviewPage() {
  const { namespaces } = useSettings();
  const { calls, error } = useTraffic({ everywhere: true });
  const list = useNamespaces();
  const { data: pods = [] } = usePods();
  const { data: workloads = [] } = useWorkloads();
  const { data: config = [] } = useIstioConfig();
  const rows = useMemo(() => workloadRows(workloads, pods, calls), [workloads, pods, calls]);
  if (list.error && !list.data) return <Failure error={list.error} onRetry={() => void list.refetch()} />;
  if (list.isPending) return <Skeleton rows={10} />;
  const shown = list.data.filter((item) => (namespaces.size > 0 ? namespaces.has(item.metadata.name) : !QUIET.has(item.metadata.name)));
  const totals = totalsOf(calls);
  const meshed = pods.filter(hasSidecar).length;
  const errors = errorShare(totals);
  return (
    <div className="stack">
      {error && (
        <div className="notice" role="alert">
          No traffic numbers: {error.message}
        </div>
      )}
      <div className="grid overview-top">
        <Card className="overview-stats">
          <div className="stats">
            <Stat label="requests in the mesh" value={formatRate(totals.rate)} />
            <Stat label="errors" value={formatPercent(errors)} tone={errors === 0 ? 'good' : errors < 0.1 ? 'warn' : 'bad'} />
            <Stat label="under mutual TLS" value={totals.mtls === undefined ? '–' : formatPercent(totals.mtls, 0)} tone={totals.mtls !== undefined && totals.mtls > 0.999 ? 'good' : undefined} hint="Share of the calls whose receiver has a sidecar" />
            <Stat label="pods with a sidecar" value={`${meshed} of ${pods.length}`} />
            <Stat label="unhealthy workloads" value={rows.filter((row) => row.health === 'failing' || row.health === 'degraded').length} tone={rows.some((row) => row.health === 'failing') ? 'bad' : undefined} />
          </div>
          <MeshChart />
        </Card>
        <BusiestServices calls={calls} />
      </div>
      <h2 className="section-title">Namespaces</h2>
      {shown.length === 0 ? (
        <Empty title="No namespace to show">Choose other namespaces at the top.</Empty>
      ) : (
        <div className="grid grid-cards" data-testid="namespace-cards">
          {shown.map((namespace) => (
            <NamespaceCard key={namespace.metadata.name} namespace={namespace} calls={calls} rows={rows.filter((row) => row.namespace === namespace.metadata.name)} config={config} />
          ))}
        </div>
      )}
    </div>
  );
}
