import type { KubeObject } from '../api/kube.ts';
import type { ConfigItem } from '../data/cluster.ts';
import { quoted } from '../api/prometheus.ts';
import { useChart } from '../data/metrics.ts';
import { configState } from '../model/config-state.ts';
import { formatPercent, formatRate } from '../model/format.ts';
import { errorShare, type Health, totalsOf, worst } from '../model/health.ts';
import type { WorkloadRow } from '../model/inventory.ts';
import { mtlsMode } from '../model/mesh-policy.ts';
import type { Call } from '../model/traffic.ts';
import { Link } from '../route/link.tsx';
import { Badge, HealthDot, MtlsBadge } from '../ui/badges.tsx';
import { Icon } from '../ui/icon.tsx';
import { Sparkline } from '../ui/sparkline.tsx';

interface NamespaceCardProps {
  readonly namespace: KubeObject;
  readonly calls: readonly Call[];
  readonly rows: readonly WorkloadRow[];
  readonly config: readonly ConfigItem[];
}

const HEALTHS: readonly Health[] = ['healthy', 'degraded', 'failing', 'idle'];

export function NamespaceCard({ namespace, calls, rows, config }: NamespaceCardProps) {
  const { name } = namespace.metadata;
  const totals = totalsOf(calls.filter((call) => call.destination.namespace === name || (call.destination.workload === 'unknown' && call.service.namespace === name)));
  const chart = useChart(`namespace ${name}`, (window) => `sum(rate(istio_requests_total{reporter="destination", destination_workload_namespace=${quoted(name)}}[${window}]))`);
  const own = config.filter(({ object }) => object.metadata.namespace === name);
  const wrong = own.filter(({ object }) => ['error', 'warning'].includes(configState(object).state)).length;
  const mode = mtlsMode(config.filter(({ kind }) => kind.kind === 'PeerAuthentication').map(({ object }) => object), name);
  const injection = injectionOf(namespace);
  const scoped = { namespaces: name };
  return (
    <article className="card namespace-card" data-testid="namespace-card" data-namespace={name}>
      <header className="spread">
        <h3 className="row">
          <HealthDot health={worst(rows.map((row) => row.health))} />
          <Link to="/graph" params={scoped}>
            {name}
          </Link>
        </h3>
        <span className="row">
          <MtlsBadge share={totals.mtls} />
          {mode !== 'PERMISSIVE' && <Badge tone={mode === 'STRICT' ? 'good' : 'warn'}>{mode.toLowerCase()}</Badge>}
        </span>
      </header>
      <div className="namespace-traffic">
        <div>
          <div className="stat-value">{formatRate(totals.rate)}</div>
          <div className="stat-label">{totals.rate > 0 ? `${formatPercent(errorShare(totals))} errors` : 'no requests arrive'}</div>
        </div>
        <Sparkline values={chart.data?.[0]?.values ?? []} label={`Requests to ${name}`} />
      </div>
      <div className="namespace-health">
        {rows.length === 0 ? (
          <span className="muted">no workloads</span>
        ) : (
          HEALTHS.map((health) => {
            const count = rows.filter((row) => row.health === health).length;
            return count === 0 ? null : (
              <span key={health} className="row">
                <HealthDot health={health} /> {count} <span className="muted">{health}</span>
              </span>
            );
          })
        )}
      </div>
      <footer className="spread">
        <span className="row-wrap">
          <Badge tone={injection === 'injected' ? 'accent' : 'plain'}>{injection}</Badge>
          {own.length > 0 && <Badge tone={wrong > 0 ? 'bad' : 'plain'}>{wrong > 0 ? `${wrong} of ${own.length} config objects in error` : `${own.length} config objects`}</Badge>}
        </span>
        <span className="row">
          <Link to="/graph" params={scoped} title={`Traffic graph of ${name}`} aria-label={`Traffic graph of ${name}`} className="quiet-link">
            <Icon name="graph" />
          </Link>
          <Link to="/workloads" params={scoped} title={`Workloads of ${name}`} aria-label={`Workloads of ${name}`} className="quiet-link">
            <Icon name="workloads" />
          </Link>
          <Link to="/istio" params={scoped} title={`Istio config of ${name}`} aria-label={`Istio config of ${name}`} className="quiet-link">
            <Icon name="config" />
          </Link>
        </span>
      </footer>
    </article>
  );
}

function injectionOf(namespace: KubeObject): string {
  const labels = namespace.metadata.labels ?? {};
  if (namespace.metadata.name === 'istio-system') return 'control plane';
  if (labels['istio-injection'] === 'enabled' || labels['istio.io/rev'] !== undefined) return 'injected';
  return labels['istio-injection'] === 'disabled' ? 'injection off' : 'not injected';
}
