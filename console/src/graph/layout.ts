/** Where everything stands: ELK's layered layout, left to right, in a worker so that the page stays fluid. */
import ELK, { type ElkExtendedEdge, type ElkNode } from 'elkjs/lib/elk-api.js';
import ElkWorker from 'elkjs/lib/elk-worker.min.js?worker';
import type { Graph, GraphNode } from '../model/graph.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  /** Nodes and boxes by id; a node inside a box is placed relative to it. */
  readonly places: ReadonlyMap<string, Box>;
}

export const WORKLOAD_SIZE = { width: 140, height: 84 } as const;
export const SERVICE_SIZE = { width: 92, height: 66 } as const;

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.layered.spacing.nodeNodeBetweenLayers': '64',
  'elk.spacing.nodeNode': '36',
  'elk.layered.spacing.edgeNodeBetweenLayers': '30',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.crossingMinimization.strategy': 'LAYER_SWEEP',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.separateConnectedComponents': 'true',
  'elk.spacing.componentComponent': '60',
} as const;
const BOX_OPTIONS = { 'elk.padding': '[top=38,left=16,bottom=16,right=16]', 'elk.spacing.nodeNode': '16' } as const;

export const sizeOf = (node: GraphNode) => (node.kind === 'workload' ? WORKLOAD_SIZE : SERVICE_SIZE);

/** What the layout depends on: as long as this text stays the same, nothing moves when the numbers change. */
export function shapeOf(graph: Graph): string {
  const nodes = graph.nodes.map((node) => `${node.id}<${node.box ?? ''}`).sort();
  const edges = [...new Set(graph.edges.map((edge) => `${edge.source}→${edge.target}`))].sort();
  return [...nodes, ...edges].join('\n');
}

export class LayoutEngine {
  readonly #elk = new ELK({ workerFactory: () => new ElkWorker() });

  async place(graph: Graph): Promise<Layout> {
    const root = await this.#elk.layout(elkGraph(graph));
    const places = new Map<string, Box>();
    const visit = (node: ElkNode) => {
      for (const child of node.children ?? []) {
        places.set(child.id, { x: child.x ?? 0, y: child.y ?? 0, width: child.width ?? 0, height: child.height ?? 0 });
        visit(child);
      }
    };
    visit(root);
    return { places };
  }

  close(): void {
    this.#elk.terminateWorker();
  }
}

function elkGraph(graph: Graph): ElkNode {
  const sorted = [...graph.nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
  const elkNode = (node: GraphNode): ElkNode => ({ id: node.id, ...sizeOf(node) });
  const boxes = graph.boxes.map((box) => ({ id: box.id, layoutOptions: BOX_OPTIONS, children: sorted.filter((node) => node.box === box.id).map(elkNode) }));
  const seen = new Set<string>();
  const edges: ElkExtendedEdge[] = [];
  for (const edge of graph.edges) {
    const id = `${edge.source}→${edge.target}`;
    if (seen.has(id)) continue;
    seen.add(id);
    edges.push({ id, sources: [edge.source], targets: [edge.target] });
  }
  return { id: 'root', layoutOptions: OPTIONS, children: [...sorted.filter((node) => node.box === undefined).map(elkNode), ...boxes], edges };
}
