/** The traffic graph: calls → nodes and edges, with a node for every service between the caller and the versions behind it, so that
 * the split of a canary can be read off the edges. */
import { errorShare, healthOf, type Health, worst } from './health.ts';
import { type Call, isUnknown, type Protocol, type ServiceRef, type WorkloadRef } from './traffic.ts';

export type NodeKind = 'workload' | 'service' | 'external' | 'unknown';

export interface GraphNode {
  readonly id: string;
  readonly kind: NodeKind;
  readonly namespace: string;
  /** What is written on it: the app's or the service's name. */
  readonly label: string;
  readonly version: string;
  readonly workload: WorkloadRef | undefined;
  readonly service: ServiceRef | undefined;
  /** Id of the box around the versions of one app; undefined when there is only one. */
  box: string | undefined;
  health: Health;
  /** Requests per second. */
  inRate: number;
  outRate: number;
  /** Nothing calls it: where traffic enters what is shown. */
  isRoot: boolean;
}

export interface GraphEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  readonly protocol: Protocol;
  readonly rate: number;
  readonly codes: ReadonlyMap<string, number>;
  readonly flags: ReadonlyMap<string, number>;
  readonly errors: number;
  readonly health: Health;
  /** Share of everything that leaves the edge's source by this protocol: 0.9 for the larger part of a 90/10 split. */
  readonly share: number;
  readonly mtls: number | undefined;
  readonly calls: readonly Call[];
}

export interface GraphBox {
  readonly id: string;
  readonly label: string;
  readonly namespace: string;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly boxes: readonly GraphBox[];
}

export interface GraphOptions {
  /** False: edges go straight from workload to workload. */
  readonly serviceNodes: boolean;
}

const EXTERNAL = new Set(['PassthroughCluster', 'BlackHoleCluster']);

export function buildGraph(calls: readonly Call[], options: GraphOptions = { serviceNodes: true }): Graph {
  const nodes = new Map<string, GraphNode>();
  const groups = new Map<string, { source: string; target: string; calls: Call[] }>();
  const connect = (source: GraphNode, target: GraphNode, call: Call) => {
    const id = `${source.id}→${target.id}:${call.protocol}`;
    const group = groups.get(id) ?? { source: source.id, target: target.id, calls: [] };
    groups.set(id, group);
    group.calls.push(call);
  };
  for (const call of calls) {
    const source = workloadNode(nodes, call.source);
    const arrives = !isUnknown(call.destination);
    // A call that reached no workload ends at its service, where its error can be seen.
    if (options.serviceNodes || !arrives) {
      const service = serviceNode(nodes, call.service);
      connect(source, service, call);
      if (arrives) connect(service, workloadNode(nodes, call.destination), call);
    } else connect(source, workloadNode(nodes, call.destination), call);
  }
  const edges = withShares([...groups].map(([id, group]) => edgeOf(id, group)));
  weigh(nodes, edges);
  return { nodes: [...nodes.values()], edges, boxes: boxVersions([...nodes.values()]) };
}

function workloadNode(nodes: Map<string, GraphNode>, ref: WorkloadRef): GraphNode {
  const unknown = isUnknown(ref);
  const id = unknown ? 'unknown' : `workload/${ref.namespace}/${ref.workload}`;
  const label = unknown ? 'unknown' : ref.app === 'unknown' ? ref.workload : ref.app;
  const version = unknown || ref.version === 'latest' || ref.version === 'unknown' ? '' : ref.version;
  return keep(nodes, { id, kind: unknown ? 'unknown' : 'workload', namespace: unknown ? '' : ref.namespace, label, version, workload: unknown ? undefined : ref, service: undefined, ...FRESH });
}

function serviceNode(nodes: Map<string, GraphNode>, ref: ServiceRef): GraphNode {
  const external = EXTERNAL.has(ref.name) || ref.namespace === 'unknown';
  const label = ref.name === 'unknown' ? ref.host : ref.name;
  return keep(nodes, { id: `service/${ref.namespace}/${label}`, kind: external ? 'external' : 'service', namespace: external ? '' : ref.namespace, label, version: '', workload: undefined, service: ref, ...FRESH });
}

const FRESH = { box: undefined, health: 'idle' as Health, inRate: 0, outRate: 0, isRoot: true };

function keep(nodes: Map<string, GraphNode>, node: GraphNode): GraphNode {
  const known = nodes.get(node.id);
  if (known) return known;
  nodes.set(node.id, node);
  return node;
}

function edgeOf(id: string, { source, target, calls }: { source: string; target: string; calls: Call[] }): GraphEdge {
  const codes = sumMaps(calls.map((call) => call.codes));
  const rate = calls.reduce((sum, call) => sum + call.rate, 0);
  const seen = calls.filter((call) => call.mtls !== undefined);
  const weight = seen.reduce((sum, call) => sum + call.rate, 0);
  const totals = { rate, codes };
  return {
    id,
    source,
    target,
    protocol: calls[0]?.protocol ?? 'http',
    rate,
    codes,
    flags: sumMaps(calls.map((call) => call.flags)),
    errors: errorShare(totals),
    health: healthOf(totals),
    share: 1,
    mtls: weight > 0 ? seen.reduce((sum, call) => sum + (call.mtls ?? 0) * call.rate, 0) / weight : undefined,
    calls,
  };
}

function sumMaps(maps: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const map of maps) for (const [key, value] of map) sum.set(key, (sum.get(key) ?? 0) + value);
  return sum;
}

/** Requests and bytes are different measures: each protocol class has its own hundred percent. */
function withShares(edges: readonly GraphEdge[]): GraphEdge[] {
  const totals = new Map<string, number>();
  const key = (edge: GraphEdge) => `${edge.source}|${edge.protocol === 'tcp' ? 'tcp' : 'requests'}`;
  for (const edge of edges) totals.set(key(edge), (totals.get(key(edge)) ?? 0) + edge.rate);
  return edges.map((edge) => ({ ...edge, share: edge.rate / (totals.get(key(edge)) ?? edge.rate) }));
}

function weigh(nodes: ReadonlyMap<string, GraphNode>, edges: readonly GraphEdge[]): void {
  for (const edge of edges) {
    const [source, target] = [nodes.get(edge.source), nodes.get(edge.target)];
    if (!source || !target) continue;
    if (edge.source !== edge.target) target.isRoot = false;
    target.health = worst([target.health, edge.health]);
    if (edge.protocol === 'tcp') continue;
    source.outRate += edge.rate;
    target.inRate += edge.rate;
  }
  for (const node of nodes.values()) if (node.isRoot && node.health === 'idle' && node.outRate > 0) node.health = 'healthy';
}

function boxVersions(nodes: readonly GraphNode[]): GraphBox[] {
  const apps = new Map<string, GraphNode[]>();
  for (const node of nodes) {
    if (!node.workload || node.workload.app === 'unknown') continue;
    const id = `app/${node.namespace}/${node.workload.app}`;
    apps.set(id, [...(apps.get(id) ?? []), node]);
  }
  const boxes: GraphBox[] = [];
  for (const [id, members] of apps) {
    const first = members[0];
    if (members.length < 2 || !first) continue;
    for (const member of members) member.box = id;
    boxes.push({ id, label: first.workload?.app ?? first.label, namespace: first.namespace });
  }
  return boxes;
}
