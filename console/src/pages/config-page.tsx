import type { IstioObject } from '../api/kube.ts';
import { type ConfigItem, useIstioConfig } from '../data/cluster.ts';
import { configState, hostsOf, severity } from '../model/config-state.ts';
import { formatAge } from '../model/format.ts';
import { Link } from '../route/link.tsx';
import { setParams, usePlace } from '../route/route.ts';
import { useSettings } from '../settings/settings.ts';
import { ConfigStateCell } from '../ui/config-badge.tsx';
import { Select } from '../ui/menu.tsx';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { configPath } from './pages.ts';

const COLUMNS: readonly Column<ConfigItem>[] = [
  {
    name: 'Name',
    sortBy: ({ object }) => object.metadata.name,
    cell: ({ kind, object }) => (
      <span className="row">
        <span className="kind-badge">{kind.badge}</span>
        <Link to={configPath(object.metadata.namespace ?? '', kind, object.metadata.name)}>{object.metadata.name}</Link>
      </span>
    ),
  },
  { name: 'Status', sortBy: ({ object }) => severity(configState(object).state), cell: ({ object }) => <ConfigStateCell object={object} /> },
  { name: 'Namespace', sortBy: ({ object }) => object.metadata.namespace ?? '', cell: ({ object }) => object.metadata.namespace },
  { name: 'Kind', sortBy: ({ kind }) => kind.kind, cell: ({ kind }) => <span title={`${kind.group}/${kind.version}`}>{kind.kind}</span> },
  { name: 'Hosts', cell: ({ object }) => <span className="mono">{hostsOf(object).join(', ')}</span> },
  { name: 'Proxies', align: 'right', sortBy: ({ object }) => configState(object).progress?.interested ?? 0, cell: ({ object }) => <ProxiesCell object={object} /> },
  { name: 'Age', align: 'right', sortBy: ({ object }) => object.metadata.creationTimestamp ?? '', cell: ({ object }) => <span className="muted">{formatAge(object.metadata.creationTimestamp, Date.now())}</span> },
];

/** How many of the proxies that an object concerns have acknowledged it. */
function ProxiesCell({ object }: { object: IstioObject }) {
  const { progress } = configState(object);
  return progress ? <span className={progress.acknowledged < progress.interested ? 'tone-warn' : 'muted'}>{`${progress.acknowledged} of ${progress.interested}`}</span> : <span className="muted">–</span>;
}

export function ConfigPage() {
  const { namespaces } = useSettings();
  const { params } = usePlace();
  const { data, isPending, error, refetch } = useIstioConfig();
  if (error && !data) return <Failure error={error} onRetry={() => void refetch()} />;
  if (isPending) return <Skeleton rows={9} />;
  const kinds = [...new Set(data.map((item) => item.kind.kind))].sort();
  const chosen = params.get('kind') ?? '';
  const rows = data
    .filter(({ kind, object }) => (namespaces.size === 0 || namespaces.has(object.metadata.namespace ?? '')) && (chosen === '' || kind.kind === chosen))
    .sort((a, b) => severity(configState(a.object).state) - severity(configState(b.object).state));
  return (
    <Table
      label="objects"
      testId="config-table"
      rows={rows}
      columns={COLUMNS}
      keyOf={({ kind, object }) => `${kind.group}/${kind.plural}/${object.metadata.namespace}/${object.metadata.name}`}
      searchText={({ kind, object }) => `${object.metadata.name} ${object.metadata.namespace} ${kind.kind} ${hostsOf(object).join(' ')}`}
      tools={<Select label="Kind" value={chosen} options={[['', 'All'], ...kinds.map((kind) => [kind, kind] as const)]} onChange={(kind) => setParams({ kind })} />}
      empty={<Empty title="No Istio configuration here" icon="config">Nothing shapes the traffic yet: it goes where Kubernetes sends it. Try <code>kubectl apply -f samples/bookinfo/networking/destination-rule-all.yaml</code></Empty>}
    />
  );
}
