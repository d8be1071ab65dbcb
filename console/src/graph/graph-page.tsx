import { ReactFlowProvider } from '@xyflow/react';
import { useEffect, useMemo, useState } from 'react';
import { useTraffic } from '../data/traffic.ts';
import { buildGraph } from '../model/graph.ts';
import { formatRate } from '../model/format.ts';
import { totalsOf } from '../model/health.ts';
import { useSettings } from '../settings/settings.ts';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';
import { Canvas } from './canvas.tsx';
import { useDisplay } from './display.ts';
import { SidePanel } from './side-panel.tsx';
import { Legend, Toolbar } from './toolbar.tsx';
import { useLayout } from './use-layout.ts';

export function GraphPage() {
  const { calls, isLoading, error } = useTraffic();
  const { duration, namespaces } = useSettings();
  const { serviceNodes } = useDisplay();
  const [selected, setSelected] = useState<string>();
  const graph = useMemo(() => buildGraph(calls, { serviceNodes }), [calls, serviceNodes]);
  const state = useLayout(graph);
  useEffect(() => {
    const escape = (event: KeyboardEvent) => event.key === 'Escape' && setSelected(undefined);
    document.addEventListener('keydown', escape);
    return () => document.removeEventListener('keydown', escape);
  }, []);
  if (error && calls.length === 0) return <Failure error={error} />;
  if (isLoading) return <div className="gpage-message"><Skeleton rows={6} /></div>;
  if (calls.length === 0) {
    return (
      <Empty title="No traffic in the last window" icon="graph">
        <p>
          Nothing was reported {namespaces.size > 0 ? `in ${[...namespaces].join(', ')} ` : ''}during the last {duration}. Send a request, for instance <code>curl http://127.0.0.1:PORT/productpage</code>, choose a longer window, or check that the pods have a sidecar: <code>kubectl get pods</code> shows <code>2/2</code>.
        </p>
      </Empty>
    );
  }
  const totals = totalsOf(graph.edges.filter((edge) => state.graph.nodes.some((node) => node.id === edge.source && node.isRoot)));
  const known = state.graph.nodes.some((node) => node.id === selected) || state.graph.edges.some((edge) => edge.id === selected);
  const current = known ? selected : undefined;
  return (
    <div className="gpage" data-testid="graph-page">
      <div className="gmain">
        <Toolbar />
        <div className="gcanvas">
          {state.error && <Failure error={state.error} />}
          {state.layout ? (
            <ReactFlowProvider>
              <Canvas graph={state.graph} layout={state.layout} selected={current} onSelect={setSelected} />
            </ReactFlowProvider>
          ) : (
            <div className="gpage-message"><Skeleton rows={6} /></div>
          )}
        </div>
        <div className="gfoot">
          <Legend />
          <span className="muted">
            {state.graph.nodes.length} nodes · {state.graph.edges.length} edges · {formatRate(totals.rate)} entering
          </span>
        </div>
      </div>
      {current !== undefined && <SidePanel graph={state.graph} selected={current} onClose={() => setSelected(undefined)} />}
    </div>
  );
}
