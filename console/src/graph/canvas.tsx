import { Background, BackgroundVariant, Controls, type EdgeChange, MiniMap, type NodeChange, ReactFlow, useReactFlow, useStore } from '@xyflow/react';
import '@xyflow/react/dist/style.css';
import { useEffect, useMemo } from 'react';
import type { Graph } from '../model/graph.ts';
import { useTheme } from '../settings/theme.ts';
import { useDisplay } from './display.ts';
import { useEdgeLatency } from './edge-latency.ts';
import { flowEdges, flowNodes } from './flow.ts';
import type { Layout } from './layout.ts';
import { AppBox, ServiceNode, WorkloadNode } from './nodes.tsx';
import { TrafficEdge } from './traffic-edge.tsx';

const NODE_TYPES = { workload: WorkloadNode, service: ServiceNode, box: AppBox };
const EDGE_TYPES = { traffic: TrafficEdge };
/** Larger graphs need a map to find one's way. */
const MINIMAP_FROM = 25;
const FIT = { padding: 0.06, maxZoom: 1.25 } as const;

/** Enter and Space on a focused node or edge arrive as changes, not as clicks. */
function selectFrom(changes: readonly (NodeChange | EdgeChange)[], onSelect: (id: string) => void): void {
  for (const change of changes) if (change.type === 'select' && change.selected) onSelect(change.id);
}

interface CanvasProps {
  readonly graph: Graph;
  readonly layout: Layout;
  readonly selected: string | undefined;
  readonly onSelect: (id: string | undefined) => void;
}

export function Canvas({ graph, layout, selected, onSelect }: CanvasProps) {
  const display = useDisplay();
  const latency = useEdgeLatency(display.label);
  const theme = useTheme();
  const { fitView } = useReactFlow();
  const nodes = useMemo(() => flowNodes(graph, layout, selected), [graph, layout, selected]);
  const edges = flowEdges(graph, { display, latency, selected });
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  useEffect(() => {
    // After the nodes of a new layout are on the canvas.
    const frame = requestAnimationFrame(() => void fitView(FIT));
    return () => cancelAnimationFrame(frame);
  }, [layout, width, height, fitView]);
  return (
    <ReactFlow
      nodes={nodes}
      edges={edges}
      nodeTypes={NODE_TYPES}
      edgeTypes={EDGE_TYPES}
      colorMode={theme}
      minZoom={0.08}
      maxZoom={2.2}
      nodesConnectable={false}
      nodesDraggable={false}
      edgesReconnectable={false}
      deleteKeyCode={null}
      onNodeClick={(_event, node) => node.type !== 'box' && onSelect(node.id)}
      onEdgeClick={(_event, edge) => onSelect(edge.id)}
      onPaneClick={() => onSelect(undefined)}
      onNodesChange={(changes) => selectFrom(changes, onSelect)}
      onEdgesChange={(changes) => selectFrom(changes, onSelect)}
      proOptions={{ hideAttribution: true }}
      fitView
      fitViewOptions={FIT}
    >
      <Background variant={BackgroundVariant.Dots} gap={22} size={1.4} color="var(--graph-dot)" />
      <Controls showInteractive={false} />
      {graph.nodes.length >= MINIMAP_FROM && <MiniMap pannable zoomable />}
    </ReactFlow>
  );
}
