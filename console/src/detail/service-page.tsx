import { quoted } from '../api/prometheus.ts';
import { useIstioConfig, usePods } from '../data/cluster.ts';
import { useServiceRows } from '../data/rows.ts';
import { useTraffic } from '../data/traffic.ts';
import { concernsService } from '../model/config-state.ts';
import { podStatus, selects } from '../model/inventory.ts';
import { configPath } from '../pages/pages.ts';
import { Link } from '../route/link.tsx';
import { Badge, HealthDot, MtlsBadge } from '../ui/badges.tsx';
import { Card } from '../ui/card.tsx';
import { ConfigBadge } from '../ui/config-badge.tsx';
import { Empty, Skeleton } from '../ui/state.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { YamlView } from '../ui/yaml.tsx';
import { CallsTable } from './calls-table.tsx';
import { TrafficTab } from './traffic-tab.tsx';

export function ServicePage({ namespace, name }: { namespace: string; name: string }) {
  const { rows, isLoading } = useServiceRows();
  const { calls } = useTraffic({ everywhere: true });
  const { data: pods = [] } = usePods();
  const { data: config = [] } = useIstioConfig();
  const row = rows.find((it) => it.namespace === namespace && it.name === name);
  if (isLoading) return <Skeleton rows={9} />;
  if (!row) return <Empty title={`There is no service ${name} in ${namespace}`}>It may have been deleted, or the namespaces at the top leave it out.</Empty>;
  const { spec } = row.service;
  const behind = pods.filter((pod) => pod.metadata.namespace === namespace && selects(spec.selector, pod));
  const ready = behind.filter((pod) => podStatus(pod).ok).length;
  const own = calls.filter((call) => call.service.namespace === namespace && call.service.name === name);
  const related = config.filter(({ object }) => concernsService(object, namespace, name));
  return (
    <>
      <div className="grid grid-two">
        <Card title="Service">
          <div className="row-wrap">
            <HealthDot health={row.traffic.health} withText />
            <Badge>{namespace}</Badge>
            <MtlsBadge share={row.traffic.inbound.mtls} />
          </div>
          <dl className="facts facts-spaced">
            <dt>Host name</dt>
            <dd className="mono">{`${name}.${namespace}.svc.cluster.local`}</dd>
            <dt>Address</dt>
            <dd className="mono">{spec.clusterIP ?? '–'}</dd>
            <dt>Ports</dt>
            <dd>
              {(spec.ports ?? []).map((port) => (
                <span key={`${port.port}/${port.protocol}`} className="mono port">
                  {`${port.name ?? '(no name)'} ${port.port} → ${port.targetPort ?? port.port} ${port.protocol ?? 'TCP'}`}
                </span>
              ))}
            </dd>
            <dt>Pods</dt>
            <dd className={ready < behind.length ? 'tone-warn' : ''}>{`${ready} of ${behind.length} ready`}</dd>
          </dl>
        </Card>
        <Card title="Istio config for this host">
          {related.length === 0 && <p className="muted">None: requests go to all pods of the service alike.</p>}
          <ul className="plain-list">
            {related.map(({ kind, object }) => (
              <li key={`${kind.plural}/${object.metadata.name}`} className="spread">
                <span className="row">
                  <span className="kind-badge">{kind.badge}</span>
                  <Link to={configPath(object.metadata.namespace ?? '', kind, object.metadata.name)}>{object.metadata.name}</Link>
                </span>
                <ConfigBadge object={object} />
              </li>
            ))}
          </ul>
        </Card>
      </div>
      <Tabs
        label="Service"
        tabs={[
          { id: 'traffic', title: 'Inbound', body: () => <TrafficTab title="Inbound" totals={row.traffic.inbound} selector={`reporter="source", destination_service_name=${quoted(name)}, destination_service_namespace=${quoted(namespace)}`} /> },
          { id: 'split', title: 'Versions', body: () => <CallsTable calls={own} end="destination" label="destinations" /> },
          { id: 'callers', title: 'Callers', body: () => <CallsTable calls={own} end="source" label="callers" /> },
          { id: 'yaml', title: 'YAML', body: () => <YamlView value={row.service} /> },
        ]}
      />
    </>
  );
}
