import { useQuery } from '@tanstack/react-query';
import { listProxySync, type ProxySync, type SyncState } from '../api/istiod.ts';
import { queryInstant } from '../api/prometheus.ts';
import { getJson } from '../api/http.ts';
import { usePods, useWorkloads } from '../data/cluster.ts';
import { hasSidecar, podStatus } from '../model/inventory.ts';
import { useSettings } from '../settings/settings.ts';
import { Badge, HealthDot } from '../ui/badges.tsx';
import { Card, Stat } from '../ui/card.tsx';
import { Empty, Skeleton } from '../ui/state.tsx';
import { type Column, Table } from '../ui/table.tsx';

const ROOT = 'istio-system';
const TONES: Readonly<Record<SyncState, 'good' | 'warn' | 'bad' | 'plain'>> = { synced: 'good', pending: 'warn', refused: 'bad', never: 'plain' };
const WORDS: Readonly<Record<SyncState, string>> = { synced: 'synced', pending: 'pending', refused: 'refused', never: 'not sent' };

const state = (type: string): Column<ProxySync> => ({ name: type, cell: (row) => <Badge tone={TONES[row.types[type] ?? 'never']}>{WORDS[row.types[type] ?? 'never']}</Badge> });
const COLUMNS: readonly Column<ProxySync>[] = [
  { name: 'Proxy', sortBy: (row) => row.proxy, cell: (row) => <span className="mono">{row.proxy}</span> },
  state('cluster'),
  state('listener'),
  state('route'),
  state('endpoint'),
  { name: 'Version', cell: (row) => <span className="muted">{row.istioVersion || '–'}</span> },
];

export function MeshPage() {
  const { refreshMs } = useSettings();
  const { data: workloads = [] } = useWorkloads();
  const { data: pods = [] } = usePods();
  const sync = useQuery({ queryKey: ['syncz'], queryFn: ({ signal }) => listProxySync(signal), refetchInterval: refreshMs });
  const targets = useQuery({ queryKey: ['up'], queryFn: ({ signal }) => queryInstant('up', signal), refetchInterval: refreshMs });
  const tracing = useQuery({ queryKey: ['tracing-up'], queryFn: ({ signal }) => getJson<{ data: string[] }>('/api/jaeger/api/services', signal), refetchInterval: refreshMs });
  const parts = workloads.filter((workload) => workload.metadata.namespace === ROOT);
  const down = (targets.data ?? []).filter((sample) => sample.value === 0);
  return (
    <div className="stack">
      <div className="grid grid-stats">
        <Card><Stat label="connected proxies" value={sync.data?.length ?? '–'} /></Card>
        <Card><Stat label="pods with a sidecar" value={pods.filter(hasSidecar).length} /></Card>
        <Card><Stat label="scraped targets up" value={targets.data ? `${targets.data.length - down.length} of ${targets.data.length}` : '–'} tone={down.length > 0 ? 'warn' : undefined} /></Card>
        <Card><Stat label="services that send traces" value={tracing.data?.data.length ?? '–'} /></Card>
      </div>
      <Card title="Infrastructure">
        <ul className="plain-list">
          {parts.length === 0 && <li className="muted">Nothing runs in {ROOT}. Install the mesh: <code>lateen install --set profile=demo -y</code></li>}
          {parts.map((part) => {
            const desired = part.spec.replicas ?? 1;
            const ready = part.status?.readyReplicas ?? 0;
            return (
              <li key={part.metadata.name} className="spread">
                <span className="row">
                  <HealthDot health={ready === 0 ? 'failing' : ready < desired ? 'degraded' : 'healthy'} />
                  <strong>{part.metadata.name}</strong>
                  <span className="muted mono">{part.spec.template.spec?.containers?.[0]?.image}</span>
                </span>
                <span className={ready < desired ? 'tone-bad' : 'muted'}>{`${ready}/${desired} ready`}</span>
              </li>
            );
          })}
          <SourceRow name="Prometheus API" error={targets.error} pending={targets.isPending} />
          <SourceRow name="Jaeger API" error={tracing.error} pending={tracing.isPending} />
        </ul>
      </Card>
      <h2 className="section-title">Proxies and what they have acknowledged</h2>
      {sync.isPending ? (
        <Skeleton rows={6} />
      ) : sync.error ? (
        <Empty title="The control plane does not answer" icon="alert">
          {sync.error.message}. Running proxies keep the configuration they have. Look at <code>{`kubectl -n ${ROOT} get pods -l app=istiod`}</code> {pods.filter((pod) => pod.metadata.labels?.['app'] === 'istiod').map((pod) => podStatus(pod).text).join(', ')}
        </Empty>
      ) : (
        <Table label="proxies" testId="proxies-table" rows={sync.data} columns={COLUMNS} keyOf={(row) => row.proxy} searchText={(row) => row.proxy} empty={<Empty title="No proxy is connected">Label a namespace <code>istio-injection=enabled</code> and restart its pods.</Empty>} />
      )}
    </div>
  );
}

function SourceRow({ name, error, pending }: { name: string; error: Error | null; pending: boolean }) {
  return (
    <li className="spread">
      <span className="row">
        <HealthDot health={pending ? 'idle' : error ? 'failing' : 'healthy'} />
        <strong>{name}</strong>
      </span>
      <span className={error ? 'tone-bad' : 'muted'}>{error ? error.message : pending ? 'asking…' : 'answers'}</span>
    </li>
  );
}
