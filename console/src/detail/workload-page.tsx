import { quoted } from '../api/prometheus.ts';
import type { Pod } from '../api/kube.ts';
import type { ProxySync } from '../api/istiod.ts';
import { useProxySync } from '../data/cluster.ts';
import { useWorkloadRows } from '../data/rows.ts';
import { useTraffic } from '../data/traffic.ts';
import { formatAge } from '../model/format.ts';
import { hasSidecar, podStatus } from '../model/inventory.ts';
import { applicationPath } from '../pages/pages.ts';
import { Link } from '../route/link.tsx';
import { Badge, HealthDot, MtlsBadge } from '../ui/badges.tsx';
import { Card } from '../ui/card.tsx';
import { Empty, Skeleton } from '../ui/state.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { YamlView } from '../ui/yaml.tsx';
import { LogsTab } from './logs-tab.tsx';
import { CallsTable } from './calls-table.tsx';
import { TrafficTab } from './traffic-tab.tsx';

const podColumns = (sync: ReadonlyMap<string, ProxySync>): readonly Column<Pod>[] => [
  { name: 'Pod', sortBy: (pod) => pod.metadata.name, cell: (pod) => <span className="mono">{pod.metadata.name}</span> },
  { name: 'Status', cell: (pod) => <Badge tone={podStatus(pod).ok ? 'good' : 'bad'}>{podStatus(pod).text}</Badge> },
  { name: 'Ready', cell: (pod) => `${podStatus(pod).ready}/${podStatus(pod).total}` },
  { name: 'Proxy', cell: (pod) => <ProxyState pod={pod} sync={sync.get(`${pod.metadata.name}.${pod.metadata.namespace}`)} /> },
  { name: 'Restarts', align: 'right', cell: (pod) => podStatus(pod).restarts },
  { name: 'Address', cell: (pod) => <span className="mono">{pod.status?.podIP ?? '–'}</span> },
  { name: 'Node', cell: (pod) => pod.spec.nodeName ?? '–' },
  { name: 'Age', align: 'right', cell: (pod) => formatAge(pod.metadata.creationTimestamp, Date.now()) },
];

export function WorkloadPage({ namespace, name }: { namespace: string; name: string }) {
  const { rows, isLoading } = useWorkloadRows();
  const { calls } = useTraffic({ everywhere: true });
  const sync = useProxySync();
  const row = rows.find((it) => it.namespace === namespace && it.name === name);
  if (isLoading) return <Skeleton rows={9} />;
  if (!row) return <Empty title={`There is no workload ${name} in ${namespace}`}>It may have been deleted, or the namespaces at the top leave it out.</Empty>;
  const inbound = calls.filter((call) => call.destination.namespace === namespace && call.destination.workload === name);
  const outbound = calls.filter((call) => call.source.namespace === namespace && call.source.workload === name);
  const container = row.workload.spec.template.spec?.containers?.[0];
  return (
    <>
      <Card>
        <div className="row-wrap">
          <HealthDot health={row.health} withText />
          <Badge>{row.workload.kind}</Badge>
          <Badge>{namespace}</Badge>
          <Link to={applicationPath(namespace, row.app)}>{row.app}</Link>
          {row.version !== '' && <Badge tone="accent">{row.version}</Badge>}
          <Link to="/traces" params={{ service: `${row.app}.${namespace}` }}>Traces</Link>
          <Link to="/graph" params={{ namespaces: namespace }}>Graph</Link>
          {row.injected ? <MtlsBadge share={row.traffic.inbound.mtls} /> : <Badge tone="warn">no sidecar</Badge>}
          <span className="muted">
            {row.ready}/{row.desired} ready · service account {row.workload.spec.template.spec?.serviceAccountName ?? 'default'} · {container?.image}
          </span>
        </div>
      </Card>
      <Tabs
        label="Workload"
        tabs={[
          { id: 'pods', title: `Pods (${row.pods.length})`, body: () => <Table label="pods" rows={row.pods} columns={podColumns(sync)} keyOf={(pod) => pod.metadata.name} empty={<Empty title="No pods">The workload is scaled to zero, or its pods were refused: <code>{`kubectl describe rs -n ${namespace}`}</code> tells why.</Empty>} /> },
          { id: 'in', title: 'Inbound', body: () => <TrafficTab title="Inbound" totals={row.traffic.inbound} selector={`reporter="destination", destination_workload=${quoted(name)}, destination_workload_namespace=${quoted(namespace)}`} /> },
          { id: 'out', title: 'Outbound', body: () => <TrafficTab title="Outbound" totals={row.traffic.outbound} selector={`reporter="source", source_workload=${quoted(name)}, source_workload_namespace=${quoted(namespace)}`} /> },
          { id: 'calls', title: 'Calls', body: () => <div className="stack"><h3 className="section-title">Called by</h3><CallsTable calls={inbound} end="source" label="callers" /><h3 className="section-title">Calls</h3><CallsTable calls={outbound} end="destination" label="called" /></div> },
          { id: 'logs', title: 'Logs', body: () => <LogsTab pods={row.pods} /> },
          { id: 'yaml', title: 'YAML', body: () => <YamlView value={withoutNoise(row.workload)} /> },
        ]}
      />
    </>
  );
}

/** Whether the pod's sidecar runs what the control plane sent last. */
function ProxyState({ pod, sync }: { pod: Pod; sync: ProxySync | undefined }) {
  if (!hasSidecar(pod)) return <span className="muted">none</span>;
  if (!sync) return <Badge tone="warn" title="The control plane does not list it">not connected</Badge>;
  const states = Object.entries(sync.types);
  const behind = states.filter(([, state]) => state === 'pending' || state === 'refused').map(([type, state]) => `${type} ${state}`);
  return behind.length > 0 ? <Badge tone="warn">{behind.join(', ')}</Badge> : <Badge tone="good">synced</Badge>;
}

function withoutNoise<T extends { metadata: object }>(object: T): unknown {
  const { managedFields: _fields, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}
