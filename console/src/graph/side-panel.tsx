import type { Graph, GraphEdge, GraphNode } from '../model/graph.ts';
import { formatBytes, formatLatency, formatPercent, formatRate } from '../model/format.ts';
import { errorShare, totalsOf } from '../model/health.ts';
import { quoted } from '../api/prometheus.ts';
import { useChart, useLatencies } from '../data/metrics.ts';
import { servicePath, workloadPath } from '../pages/pages.ts';
import { Link } from '../route/link.tsx';
import { HealthDot, MtlsBadge } from '../ui/badges.tsx';
import { Stat } from '../ui/card.tsx';
import { Chart } from '../ui/chart.tsx';
import { CodeTable } from '../ui/code-table.tsx';
import { Icon } from '../ui/icon.tsx';

interface PanelProps {
  readonly graph: Graph;
  readonly selected: string;
  readonly onClose: () => void;
}

export function SidePanel({ graph, selected, onClose }: PanelProps) {
  const node = graph.nodes.find((it) => it.id === selected);
  const edge = graph.edges.find((it) => it.id === selected);
  return (
    <aside className="gpanel" aria-label="Details" data-testid="graph-panel">
      <button type="button" className="icon-button gpanel-close" aria-label="Close details" onClick={onClose}>
        <Icon name="close" />
      </button>
      {node && <NodePanel key={node.id} node={node} graph={graph} />}
      {edge && <EdgePanel key={edge.id} edge={edge} graph={graph} />}
    </aside>
  );
}

/** Label matchers for everything that arrives at a node. */
function arrivingAt(node: GraphNode): string {
  if (node.workload) return `reporter="destination", destination_workload=${quoted(node.workload.workload)}, destination_workload_namespace=${quoted(node.workload.namespace)}`;
  if (node.service) return `reporter="source", destination_service_name=${quoted(node.service.name)}, destination_service_namespace=${quoted(node.service.namespace)}`;
  return 'reporter="destination", source_workload="unknown"';
}

function selectorOfEdge(edge: GraphEdge, graph: Graph): string {
  const source = graph.nodes.find((node) => node.id === edge.source);
  const target = graph.nodes.find((node) => node.id === edge.target);
  const parts = [`reporter="${source?.kind === 'unknown' ? 'destination' : 'source'}"`];
  if (source?.workload) parts.push(`source_workload=${quoted(source.workload.workload)}`, `source_workload_namespace=${quoted(source.workload.namespace)}`);
  const service = source?.service ?? target?.service;
  if (service) parts.push(`destination_service_name=${quoted(service.name)}`, `destination_service_namespace=${quoted(service.namespace)}`);
  if (target?.workload) parts.push(`destination_workload=${quoted(target.workload.workload)}`, `destination_workload_namespace=${quoted(target.workload.namespace)}`);
  return parts.join(', ');
}

function NodePanel({ node, graph }: { node: GraphNode; graph: Graph }) {
  const incoming = graph.edges.filter((edge) => edge.target === node.id);
  const outgoing = graph.edges.filter((edge) => edge.source === node.id);
  const totals = totalsOf(incoming.length > 0 ? incoming : outgoing);
  const path = node.workload ? workloadPath(node.workload.namespace, node.workload.workload) : node.kind === 'service' ? servicePath(node.namespace, node.label) : undefined;
  return (
    <>
      <header className="gpanel-head">
        <span className="muted">{node.kind === 'workload' ? 'Workload' : node.kind === 'service' ? 'Service' : node.kind === 'external' ? 'Outside the mesh' : 'Unknown source'}</span>
        <h2>{path ? <Link to={path}>{node.workload?.workload ?? node.label}</Link> : node.label}</h2>
        <div className="row-wrap">
          <HealthDot health={node.health} withText />
          {node.namespace !== '' && <span className="badge">{node.namespace}</span>}
          {node.version !== '' && <span className="badge badge-accent">{node.version}</span>}
          <MtlsBadge share={totals.mtls} />
        </div>
      </header>
      {node.kind === 'unknown' && <p className="hint muted">Calls from pods without a sidecar, or from outside the mesh: only the receiving sidecar saw them.</p>}
      {node.kind === 'external' && <p className="hint muted">The address belongs to no service that the mesh knows. A ServiceEntry gives it a name.</p>}
      <PanelNumbers totals={totals} selector={arrivingAt(node)} id={node.id} />
      <Split title="Sends to" edges={outgoing} graph={graph} end="target" />
      <Split title="Called by" edges={incoming} graph={graph} end="source" />
    </>
  );
}

function EdgePanel({ edge, graph }: { edge: GraphEdge; graph: Graph }) {
  const name = (id: string) => {
    const node = graph.nodes.find((it) => it.id === id);
    return node?.workload?.workload ?? node?.label ?? id;
  };
  return (
    <>
      <header className="gpanel-head">
        <span className="muted">{edge.protocol.toUpperCase()} traffic</span>
        <h2>
          {name(edge.source)} <span className="muted">→</span> {name(edge.target)}
        </h2>
        <div className="row-wrap">
          <HealthDot health={edge.health} withText />
          <span className="badge badge-accent">{formatPercent(edge.share)} of what leaves {name(edge.source)}</span>
          <MtlsBadge share={edge.mtls} />
        </div>
      </header>
      <PanelNumbers totals={totalsOf([edge])} selector={selectorOfEdge(edge, graph)} id={edge.id} flags={edge.flags} />
    </>
  );
}

function PanelNumbers({ totals, selector, id, flags }: { totals: ReturnType<typeof totalsOf>; selector: string; id: string; flags?: ReadonlyMap<string, number> }) {
  const tcpOnly = totals.rate === 0 && totals.bytes > 0;
  return tcpOnly ? <TcpNumbers bytes={totals.bytes} selector={selector} id={id} /> : <HttpNumbers totals={totals} selector={selector} id={id} flags={flags} />;
}

function TcpNumbers({ bytes, selector, id }: { bytes: number; selector: string; id: string }) {
  const { data } = useChart(`tcp ${id}`, (window) => `sum(rate(istio_tcp_sent_bytes_total{${selector}}[${window}])) + sum(rate(istio_tcp_received_bytes_total{${selector}}[${window}]))`);
  return (
    <>
      <div className="stats">
        <Stat label="both ways" value={formatBytes(bytes)} />
      </div>
      <Chart label="Bytes per second" format={formatBytes} lines={[{ label: 'bytes', color: '--info', series: data?.[0] }]} />
    </>
  );
}

function HttpNumbers({ totals, selector, id, flags }: { totals: ReturnType<typeof totalsOf>; selector: string; id: string; flags?: ReadonlyMap<string, number> }) {
  const latencies = useLatencies(selector);
  const errors = errorShare(totals);
  const rate = useChart(`rate ${id}`, (window) => `sum(rate(istio_requests_total{${selector}}[${window}]))`);
  const failed = useChart(`errors ${id}`, (window) => `sum(rate(istio_requests_total{${selector}, response_code=~"[45]..|0"}[${window}]))`);
  return (
    <>
      <div className="stats">
        <Stat label="requests" value={formatRate(totals.rate)} />
        <Stat label="errors" value={formatPercent(errors)} tone={errors === 0 ? 'good' : errors < 0.1 ? 'warn' : 'bad'} />
        <Stat label="p50" value={formatLatency(latencies.p50)} />
        <Stat label="p95" value={formatLatency(latencies.p95)} />
        <Stat label="p99" value={formatLatency(latencies.p99)} />
      </div>
      <Chart
        label="Requests per second"
        format={formatRate}
        lines={[
          { label: 'requests', color: '--accent', series: rate.data?.[0] },
          { label: 'errors', color: '--bad', series: failed.data?.[0] },
        ]}
      />
      <CodeTable codes={totals.codes} flags={flags} total={totals.rate} />
    </>
  );
}

function Split({ title, edges, graph, end }: { title: string; edges: readonly GraphEdge[]; graph: Graph; end: 'source' | 'target' }) {
  if (edges.length === 0) return null;
  const total = edges.reduce((sum, edge) => sum + edge.rate, 0);
  return (
    <section className="gsplit">
      <h3>{title}</h3>
      <ul>
        {[...edges]
          .sort((a, b) => b.rate - a.rate)
          .map((edge) => {
            const node = graph.nodes.find((it) => it.id === edge[end]);
            const share = total > 0 ? edge.rate / total : 0;
            return (
              <li key={edge.id}>
                <span className="spread">
                  <span>
                    {node?.label} {node?.version !== '' && <span className="badge badge-accent">{node?.version}</span>}
                  </span>
                  <span className="muted">{formatPercent(share)}</span>
                </span>
                <span className="bar">
                  <span style={{ width: `${share * 100}%`, background: `var(--${edge.health === 'failing' ? 'bad' : edge.health === 'degraded' ? 'warn' : 'accent'})` }} />
                </span>
              </li>
            );
          })}
      </ul>
    </section>
  );
}
