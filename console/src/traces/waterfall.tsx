import { useState } from 'react';
import { formatMicros } from '../model/format.ts';
import { hueOf, shortOperation, type SpanRow, type TraceView } from '../model/trace.ts';
import { Icon } from '../ui/icon.tsx';

interface WaterfallProps {
  readonly view: TraceView;
  readonly open: string | undefined;
  readonly onOpen: (id: string | undefined) => void;
}

const TICKS = [0, 0.25, 0.5, 0.75, 1];

export function Waterfall({ view, open, onOpen }: WaterfallProps) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const flip = (id: string) => {
    const next = new Set(folded);
    if (!next.delete(id)) next.add(id);
    setFolded(next);
  };
  const rows = view.rows.filter((row) => !row.ancestors.some((id) => folded.has(id)));
  return (
    <div className="waterfall" role="table" aria-label="Spans">
      <div className="waterfall-head" role="row">
        <span role="columnheader">Service and operation</span>
        <span className="waterfall-ticks" role="columnheader" aria-label="Time">
          {TICKS.map((tick) => (
            <span key={tick} style={{ left: `${tick * 100}%` }}>
              {formatMicros(view.durationUs * tick)}
            </span>
          ))}
        </span>
      </div>
      {rows.map((row) => (
        <SpanLine key={row.span.spanID} row={row} view={view} isOpen={open === row.span.spanID} isFolded={folded.has(row.span.spanID)} onFold={() => flip(row.span.spanID)} onOpen={() => onOpen(open === row.span.spanID ? undefined : row.span.spanID)} />
      ))}
    </div>
  );
}

interface SpanLineProps {
  readonly row: SpanRow;
  readonly view: TraceView;
  readonly isOpen: boolean;
  readonly isFolded: boolean;
  readonly onFold: () => void;
  readonly onOpen: () => void;
}

function SpanLine({ row, view, isOpen, isFolded, onFold, onOpen }: SpanLineProps) {
  const { span } = row;
  const left = ((span.startTime - view.startUs) / Math.max(1, view.durationUs)) * 100;
  const width = Math.max(0.25, (span.duration / Math.max(1, view.durationUs)) * 100);
  const late = left > 60;
  return (
    <>
      <div className={`waterfall-row ${isOpen ? 'is-open' : ''}`} role="row" data-testid="span" data-service={row.service} style={{ ['--hue' as string]: hueOf(row.service) }}>
        <span className="waterfall-name" role="cell" style={{ paddingLeft: `${14 + row.depth * 16}px` }}>
          {row.children > 0 ? (
            <button type="button" className={`fold ${isFolded ? '' : 'is-unfolded'}`} aria-label={isFolded ? 'Unfold' : 'Fold'} onClick={onFold}>
              <Icon name="chevron" size={13} />
            </button>
          ) : (
            <span className="fold" />
          )}
          <button type="button" className="span-name" aria-expanded={isOpen} onClick={onOpen} title={`${row.service} ${span.operationName}`}>
            {row.hasError && <Icon name="alert" size={14} />}
            <strong>{row.service}</strong> <span className="muted">{shortOperation(span.operationName)}</span>
          </button>
        </span>
        <button type="button" className="waterfall-track" tabIndex={-1} aria-hidden="true" onClick={onOpen}>
          <span className={`waterfall-bar ${row.hasError ? 'is-error' : ''}`} style={{ left: `${left}%`, width: `${width}%` }} />
          <span className="waterfall-time" style={late ? { right: `${100 - left + 0.6}%` } : { left: `${left + width + 0.6}%` }}>
            {formatMicros(span.duration)}
          </span>
        </button>
      </div>
      {isOpen && <SpanDetail row={row} view={view} />}
    </>
  );
}

function SpanDetail({ row, view }: { row: SpanRow; view: TraceView }) {
  const { span } = row;
  return (
    <div className="span-detail">
      <dl className="facts">
        <dt>starts at</dt>
        <dd>{formatMicros(span.startTime - view.startUs)}</dd>
        <dt>span</dt>
        <dd className="mono">{span.spanID}</dd>
        {[...span.tags]
          .sort((a, b) => (a.key < b.key ? -1 : 1))
          .map((tag, i) => (
            <FactRow key={`${tag.key}${i}`} name={tag.key} value={String(tag.value)} />
          ))}
      </dl>
      {span.logs.map((log, i) => (
        <p key={i} className="muted">
          {formatMicros(log.timestamp - view.startUs)}: {log.fields.map((field) => `${field.key}=${String(field.value)}`).join(' ')}
        </p>
      ))}
    </div>
  );
}

function FactRow({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt className="mono">{name}</dt>
      <dd className="mono">{value}</dd>
    </>
  );
}
