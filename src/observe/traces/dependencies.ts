import type { Span } from './span.ts';
import type { Trace } from './store.ts';

export interface Dependency {
  readonly parent: string;
  readonly child: string;
  readonly callCount: number;
}

/** Who called whom, counted over the spans that started in the window (microseconds): one call per span whose parent is another service's. */
export function dependenciesOf(traces: Iterable<Trace>, window: { startUs: number; endUs: number }): Dependency[] {
  const counts = new Map<string, { parent: string; child: string; callCount: number }>();
  for (const { spans } of traces) {
    const byId = new Map<string, Span>();
    for (const span of spans) if (!byId.has(span.spanId) || span.kind === 'server') byId.set(span.spanId, span);
    for (const span of spans) {
      const parent = span.parentId === undefined ? undefined : byId.get(span.parentId);
      if (!parent || parent.process.service === span.process.service || span.startUs < window.startUs || span.startUs > window.endUs) continue;
      const key = `${parent.process.service}\n${span.process.service}`;
      const count = counts.get(key) ?? { parent: parent.process.service, child: span.process.service, callCount: 0 };
      count.callCount++;
      counts.set(key, count);
    }
  }
  return [...counts.values()].sort((a, b) => b.callCount - a.callCount);
}
