import { useEffect, useState } from 'react';
import type { Graph } from '../model/graph.ts';
import { type Layout, LayoutEngine, shapeOf } from './layout.ts';

export interface LayoutState {
  /** The layout of `graph`, or of the one before while the new one is computed. */
  readonly layout: Layout | undefined;
  readonly graph: Graph;
  readonly error: Error | undefined;
}

/** Lays the graph out anew only when its shape changed; numbers alone move nothing. */
export function useLayout(graph: Graph): LayoutState {
  const [engine] = useState(() => new LayoutEngine());
  const [placed, setPlaced] = useState<{ shape: string; layout: Layout; graph: Graph }>();
  const [error, setError] = useState<Error>();
  const shape = shapeOf(graph);
  useEffect(() => {
    let current = true;
    engine.place(graph).then(
      (layout) => current && setPlaced({ shape, layout, graph }),
      (cause: unknown) => current && setError(cause instanceof Error ? cause : new Error(String(cause))),
    );
    return () => {
      current = false;
    };
    // The shape stands for the graph.
  }, [engine, shape]);
  return { layout: placed?.layout, graph: placed?.shape === shape ? graph : (placed?.graph ?? graph), error };
}
