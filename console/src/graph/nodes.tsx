import { Handle, type Node, type NodeProps, Position } from '@xyflow/react';
import { formatRate } from '../model/format.ts';
import type { GraphNode } from '../model/graph.ts';
import { Icon } from '../ui/icon.tsx';
import type { BoxData, NodeData } from './flow.ts';

function Ports() {
  return (
    <>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </>
  );
}

const isGateway = (node: GraphNode): boolean => node.workload?.workload.includes('gateway') ?? false;

export function WorkloadNode({ data: { node }, selected }: NodeProps<Node<NodeData, 'workload'>>) {
  const title = isGateway(node) ? node.label.replace(/^istio-/, '') : node.label;
  return (
    <div className={`gnode gnode-workload is-${node.health} ${selected ? 'is-selected' : ''}`} data-testid="graph-node" data-id={node.id} data-kind="workload" data-app={node.label} data-version={node.version} data-namespace={node.namespace} data-health={node.health}>
      <Ports />
      <span className="gnode-top">
        <span className="gnode-icon">
          <Icon name={isGateway(node) ? 'gateway' : 'workloads'} size={17} />
        </span>
        {node.version !== '' && <span className="gnode-version">{node.version}</span>}
      </span>
      <span className={`gnode-name ${title.length > 12 ? 'is-long' : ''}`} title={node.workload?.workload}>
        {title}
      </span>
      <span className="gnode-sub">{node.inRate > 0 ? formatRate(node.inRate) : node.outRate > 0 ? `${formatRate(node.outRate)} out` : node.namespace}</span>
    </div>
  );
}

export function ServiceNode({ data: { node }, selected }: NodeProps<Node<NodeData, 'service'>>) {
  const icon = node.kind === 'service' ? 'services' : node.kind === 'external' ? 'external' : 'search';
  return (
    <div className={`gnode gnode-${node.kind} is-${node.health} ${selected ? 'is-selected' : ''}`} data-testid="graph-node" data-id={node.id} data-kind={node.kind} data-service={node.label} data-namespace={node.namespace} data-health={node.health}>
      <Ports />
      <span className="gnode-icon">
        <Icon name={icon} size={node.kind === 'service' ? 36 : 24} />
      </span>
      <span className="gnode-name">{node.label}</span>
    </div>
  );
}

export function AppBox({ data: { box } }: NodeProps<Node<BoxData, 'box'>>) {
  return (
    <div className="gbox" data-testid="graph-box" data-app={box.label}>
      <span className="gbox-title">
        <Icon name="layers" size={13} /> {box.label}
      </span>
    </div>
  );
}
