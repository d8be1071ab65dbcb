import { useQuery } from '@tanstack/react-query';
import { kindOf, objectPath, type IstioKind } from '../api/istio-kinds.ts';
import { getObject, type IstioObject } from '../api/kube.ts';
import { configState, hostsOf } from '../model/config-state.ts';
import { formatAge } from '../model/format.ts';
import { servicePath } from '../pages/pages.ts';
import { Link } from '../route/link.tsx';
import { useSettings } from '../settings/settings.ts';
import { Card } from '../ui/card.tsx';
import { Conditions } from '../ui/conditions.tsx';
import { ConfigBadge } from '../ui/config-badge.tsx';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';
import { YamlView } from '../ui/yaml.tsx';

interface ConfigObjectProps {
  readonly namespace: string;
  readonly group: string;
  readonly plural: string;
  readonly name: string;
}

export function ConfigObjectPage({ namespace, group, plural, name }: ConfigObjectProps) {
  const kind = kindOf(group, plural);
  return kind ? <ConfigObject kind={kind} namespace={namespace} name={name} /> : <Empty title={`${plural}.${group} is not a kind the console knows`} />;
}

function ConfigObject({ kind, namespace, name }: { kind: IstioKind; namespace: string; name: string }) {
  const { refreshMs } = useSettings();
  const { data, error, refetch } = useQuery({
    queryKey: ['object', kind.group, kind.plural, namespace, name],
    queryFn: ({ signal }) => getObject<IstioObject>(objectPath(kind, namespace, name), signal),
    refetchInterval: refreshMs,
  });
  if (error && !data) return <Failure error={error} onRetry={() => void refetch()} />;
  if (!data) return <Skeleton rows={12} />;
  const { messages, conditions } = configState(data);
  return (
    <div className="detail">
      <Card className="detail-side">
        <div className="row-wrap">
          <span className="kind-badge">{kind.badge}</span>
          <strong>{kind.kind}</strong>
          <ConfigBadge object={data} />
        </div>
        <dl className="facts">
          <dt>Namespace</dt>
          <dd>{namespace}</dd>
          <dt>API</dt>
          <dd className="mono">{`${kind.group}/${kind.version}`}</dd>
          <dt>Age</dt>
          <dd>{formatAge(data.metadata.creationTimestamp, Date.now())}</dd>
          <dt>Generation</dt>
          <dd>{data.metadata.generation ?? '–'}</dd>
          <dt>Hosts</dt>
          <dd>
            {hostsOf(data).map((host) => (
              <div key={host}>
                <HostLink host={host} namespace={namespace} />
              </div>
            ))}
          </dd>
        </dl>
        <p className="muted hint">
          To change it: <code>{`kubectl edit ${plural(kind)} ${name} -n ${namespace}`}</code>
        </p>
      </Card>
      <div className="stack">
        <Card title="Is it in force?">
          {conditions.length > 0 ? <Conditions conditions={conditions} /> : <p className="muted">{messages.length > 0 ? messages.join(' · ') : 'The control plane says nothing about it.'}</p>}
        </Card>
        <YamlView value={readable(data)} messages={conditions.filter(({ tone }) => tone !== 'good').flatMap(({ points }) => points)} />
      </div>
    </div>
  );
}

const plural = (kind: IstioKind): string => (kind.group.endsWith('k8s.io') ? `${kind.plural}.${kind.group}` : kind.plural);

function HostLink({ host, namespace }: { host: string; namespace: string }) {
  const [short = '', place = namespace] = host.split('.');
  const inCluster = !host.includes('.') || host.endsWith('.svc.cluster.local');
  return inCluster && /^[a-z0-9-]+$/.test(short) ? <Link to={servicePath(place, short)}>{host}</Link> : <span className="mono">{host}</span>;
}

/** Without what only machines read. */
function readable(object: IstioObject): unknown {
  const { managedFields: _fields, uid: _uid, resourceVersion: _version, annotations, ...metadata } = object.metadata;
  const { 'kubectl.kubernetes.io/last-applied-configuration': _applied, ...kept } = annotations ?? {};
  return { ...object, metadata: { ...metadata, ...(Object.keys(kept).length > 0 ? { annotations: kept } : {}) } };
}
