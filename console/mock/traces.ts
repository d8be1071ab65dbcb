/** Traces of one request through the made-up mesh. */
import { randomBytes } from 'node:crypto';
import { type Span, type SpanKind, textTag } from '../../src/observe/traces/span.ts';

interface Hop {
  readonly service: string;
  readonly operation: string;
  readonly kind: SpanKind;
  readonly at: number;
  readonly ms: number;
  readonly code?: number;
  readonly children?: readonly Hop[];
}

interface Call {
  readonly from: string;
  readonly to: string;
  readonly at: number;
  readonly ms: number;
  readonly children?: readonly Hop[];
  readonly code?: number;
}

/** The caller's span and the server's below it. */
function call({ from, to, at, ms, children = [], code = 200 }: Call): Hop {
  const operation = `${to}.default.svc.cluster.local:9080/*`;
  return { service: from, operation, kind: 'client', at, ms, code, children: [{ service: `${to}.default`, operation, kind: 'server', at: at + 0.6, ms: ms - 1.1, code, children }] };
}

export function bookinfoTrace(startMs: number, random: () => number): Span[] {
  const traceId = randomBytes(16).toString('hex');
  const slow = 0.7 + random() * 1.6;
  const failing = random() < 0.08;
  const ratings = random() < 0.3 ? [call({ from: 'reviews.default', to: 'ratings', at: 19 * slow, ms: 7 * slow, code: failing ? 503 : 200 })] : [];
  const page: Hop = {
    service: 'productpage.default', operation: 'productpage.default.svc.cluster.local:9080/productpage', kind: 'server', at: 1.2, ms: 33 * slow, code: 200,
    children: [call({ from: 'productpage.default', to: 'details', at: 4, ms: 6 * slow }), call({ from: 'productpage.default', to: 'reviews', at: 14, ms: 17 * slow, children: ratings })],
  };
  const root: Hop = { service: 'istio-ingressgateway.istio-system', operation: 'productpage.default.svc.cluster.local:9080/productpage', kind: 'client', at: 0, ms: 35.5 * slow, code: 200, children: [page] };
  const spans: Span[] = [];
  const visit = (hop: Hop, parentId: string | undefined) => {
    const spanId = randomBytes(8).toString('hex');
    const code = hop.code ?? 200;
    spans.push({
      traceId, spanId, parentId, operation: hop.operation, kind: hop.kind,
      startUs: Math.round((startMs + hop.at) * 1000), durationUs: Math.max(150, Math.round(hop.ms * 1000)),
      process: { service: hop.service, tags: [textTag('ip', '10.244.0.12')] },
      tags: [textTag('component', 'proxy'), textTag('http.method', 'GET'), textTag('http.status_code', String(code)), textTag('span.kind', hop.kind), textTag('response_flags', code >= 500 ? 'UF' : '-'), textTag('istio.mesh_id', 'cluster.local'), ...(code >= 500 ? [{ key: 'error', type: 'bool', value: true } as const] : [])],
      logs: [], links: [],
    });
    for (const child of hop.children ?? []) visit(child, spanId);
  };
  visit(root, undefined);
  return spans;
}
