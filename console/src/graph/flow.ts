/** Graph and layout → what the canvas draws. */
import type { Edge, Node } from '@xyflow/react';
import type { Graph, GraphBox, GraphEdge, GraphNode } from '../model/graph.ts';
import { formatBytes, formatLatency, formatPercent, formatRate } from '../model/format.ts';
import type { Display } from './display.ts';
import { type Layout, sizeOf } from './layout.ts';

export type NodeData = { node: GraphNode };
export type BoxData = { box: GraphBox };
export type EdgeData = { edge: GraphEdge; text: string; errorText: string; animate: boolean; security: boolean; dimmed: boolean };

export type FlowNode = Node<NodeData, 'workload' | 'service'> | Node<BoxData, 'box'>;
export type FlowEdge = Edge<EdgeData, 'traffic'>;

export interface FlowOptions {
  readonly display: Display;
  readonly latency: (edge: GraphEdge) => number | undefined;
  readonly selected: string | undefined;
}

export function flowNodes(graph: Graph, layout: Layout, selected: string | undefined): FlowNode[] {
  const near = neighbours(graph, selected);
  const faded = (id: string) => (near === undefined || near.has(id) ? '' : 'is-dimmed');
  const boxes = graph.boxes.map((box): FlowNode => {
    const place = layout.places.get(box.id) ?? { x: 0, y: 0, width: 200, height: 100 };
    return { id: box.id, type: 'box', position: { x: place.x, y: place.y }, data: { box }, style: { width: place.width, height: place.height }, selectable: false, draggable: false, focusable: false, zIndex: -1 };
  });
  const nodes = graph.nodes.map((node): FlowNode => {
    const place = layout.places.get(node.id) ?? { x: 0, y: 0 };
    return { id: node.id, type: node.kind === 'workload' ? 'workload' : 'service', position: { x: place.x, y: place.y }, data: { node }, ...sizeOf(node), parentId: node.box, selected: node.id === selected, className: faded(node.id), draggable: false };
  });
  return [...boxes, ...nodes];
}

export function flowEdges(graph: Graph, options: FlowOptions): FlowEdge[] {
  const { display, selected } = options;
  return graph.edges.map((edge): FlowEdge => {
    const dimmed = selected !== undefined && edge.id !== selected && edge.source !== selected && edge.target !== selected;
    return {
      id: edge.id,
      source: edge.source,
      target: edge.target,
      type: 'traffic',
      selected: edge.id === selected,
      data: { edge, text: labelOf(edge, options), errorText: edge.errors > 0 && display.label !== 'none' ? `${formatPercent(edge.errors)} err` : '', animate: display.animate, security: display.security, dimmed },
      ariaLabel: `${edge.source} calls ${edge.target}: ${rateText(edge)}`,
    };
  });
}

export const rateText = (edge: GraphEdge): string => (edge.protocol === 'tcp' ? formatBytes(edge.rate) : formatRate(edge.rate));

function labelOf(edge: GraphEdge, { display, latency }: FlowOptions): string {
  switch (display.label) {
    case 'none':
      return '';
    case 'rate':
      return rateText(edge);
    case 'share':
      return edge.share > 0.9995 ? rateText(edge) : formatPercent(edge.share);
    default:
      return edge.protocol === 'tcp' ? rateText(edge) : formatLatency(latency(edge));
  }
}

/** Ids to keep bright: the selected node or edge and what it touches; undefined when nothing is selected. */
function neighbours(graph: Graph, selected: string | undefined): Set<string> | undefined {
  if (selected === undefined) return undefined;
  const near = new Set([selected]);
  for (const edge of graph.edges) {
    if (edge.id === selected || edge.source === selected || edge.target === selected) near.add(edge.source).add(edge.target);
  }
  return near;
}
