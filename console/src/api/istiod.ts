/** The control plane's debug endpoints. */
import { getJson } from './http.ts';

/** One row of `/debug/syncz`: which nonce of each resource type was sent and which was acknowledged. */
export interface ProxySync {
  readonly proxy: string;
  readonly clusterId?: string;
  readonly istioVersion?: string;
  /** Resource type (`cluster`, `listener`, …) → state. */
  readonly types: Readonly<Record<string, SyncState>>;
}

export type SyncState = 'synced' | 'pending' | 'refused' | 'never';

const TYPES = ['cluster', 'listener', 'route', 'endpoint'] as const;

export async function listProxySync(signal?: AbortSignal): Promise<ProxySync[]> {
  const rows = await getJson<unknown>('/api/istiod/debug/syncz', signal);
  return Array.isArray(rows) ? rows.flatMap(syncOf) : [];
}

/** Istio's syncz has flat `cluster_sent`/`cluster_acked` nonces; ours adds `cluster_error` when a proxy refused. */
function syncOf(row: unknown): ProxySync[] {
  if (typeof row !== 'object' || row === null) return [];
  const fields = row as Record<string, unknown>;
  const text = (name: string) => (typeof fields[name] === 'string' ? (fields[name] as string) : '');
  const proxy = text('proxy') || text('proxyId') || text('proxy_id') || text('id');
  if (proxy === '') return [];
  const types = Object.fromEntries(TYPES.map((type) => [type, text(`${type}_error`) === '' ? stateOf(text(`${type}_sent`), text(`${type}_acked`)) : 'refused']));
  return [{ proxy, clusterId: text('cluster_id'), istioVersion: text('istio_version'), types }];
}

function stateOf(sent: string, acked: string): SyncState {
  if (sent === '') return 'never';
  return sent === acked ? 'synced' : 'pending';
}
