import { BaseEdge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from '@xyflow/react';
import { Icon } from '../ui/icon.tsx';
import type { FlowEdge } from './flow.ts';

/** Seconds a dot takes from end to end: faster for more traffic, and never a blur. */
const travelSeconds = (rate: number): number => Math.max(1.1, 4.2 - Math.log10(1 + rate) * 1.3);
const dotsOf = (rate: number): number => Math.max(1, Math.min(4, Math.round(1 + Math.log10(1 + rate) * 1.5)));
const widthOf = (rate: number): number => 1.6 + Math.min(2.6, Math.log10(1 + rate) * 1.1);

export function TrafficEdge({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, data, selected }: EdgeProps<FlowEdge>) {
  if (!data) return null;
  const { edge, text, errorText, animate, security, dimmed } = data;
  const [path, labelX, labelY] = getBezierPath({ sourceX, sourceY, sourcePosition, targetX, targetY, targetPosition, curvature: 0.32 });
  const tone = edge.protocol === 'tcp' ? 'tcp' : edge.health;
  const state = `${dimmed ? 'is-dimmed' : ''} ${selected ? 'is-selected' : ''}`;
  const locked = security && edge.mtls !== undefined && edge.mtls > 0.5;
  const seconds = travelSeconds(edge.rate);
  const dots = animate && !dimmed ? dotsOf(edge.rate) : 0;
  return (
    <g className={`gedge gedge-${tone} ${state}`}>
      <BaseEdge path={path} style={{ strokeWidth: widthOf(edge.rate) }} interactionWidth={22} />
      {Array.from({ length: dots }, (_, i) => (
        <circle key={i} className="gedge-dot" r={2.6}>
          <animateMotion dur={`${seconds}s`} begin={`${(-i * seconds) / dots}s`} repeatCount="indefinite" path={path} />
        </circle>
      ))}
      <EdgeLabelRenderer>
        <div
          className={`gedge-label gedge-label-${tone} ${state} ${text === '' && !locked ? 'is-empty' : ''}`}
          style={{ transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` }}
          data-testid="edge"
          data-source={edge.source}
          data-target={edge.target}
          data-protocol={edge.protocol}
          data-rate={edge.rate.toFixed(4)}
          data-share={edge.share.toFixed(4)}
          data-errors={edge.errors.toFixed(4)}
          data-mtls={edge.mtls === undefined ? '' : String(edge.mtls > 0.999)}
          data-mtls-share={edge.mtls?.toFixed(4)}
          data-health={edge.health}
        >
          <span className="gedge-line">
            {locked && <Icon name="lock" size={11} />}
            {text}
          </span>
          {errorText !== '' && <span className="gedge-errors">{errorText}</span>}
        </div>
      </EdgeLabelRenderer>
    </g>
  );
}
