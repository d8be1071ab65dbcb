/** Questions to the control plane's monitoring port. */
import { findReadyPod, requestPod, type ClusterAccess } from './cluster-access.ts';
import { CliError } from './errors.ts';

const MONITORING_PORT = 15014;

/** One proxy as the control plane sees it. */
export interface SyncRow {
  proxy: string;
  cluster: string;
  type: string;
  version: string;
  /** By type (`cluster`, `listener`, …): SYNCED, NOT SENT, STALE, ERROR. */
  status: Record<string, string>;
  /** Text of a refusal, by type. */
  errors: Record<string, string>;
}

export async function askIstiod(access: ClusterAccess, path: string): Promise<string> {
  const pod = await findReadyPod(access, 'app=istiod', 'istiod');
  const answer = await requestPod(access, pod, { port: MONITORING_PORT, path });
  if (answer.status !== 200) throw new CliError(`istiod answered ${answer.status} to ${path}: ${answer.body.slice(0, 200)}`);
  return answer.body;
}

/** The proxies connected to the control plane, by name. */
export async function syncStatus(access: ClusterAccess): Promise<SyncRow[]> {
  const rows = JSON.parse(await askIstiod(access, '/debug/syncz')) as Record<string, string | undefined>[];
  return rows.map((row) => ({
    proxy: row['proxy'] ?? '', cluster: row['cluster_id'] ?? '', type: row['proxy_type'] ?? '', version: row['istio_version'] ?? '',
    status: suffixed(row, '_status'), errors: suffixed(row, '_error'),
  })).sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
}

function suffixed(row: Record<string, string | undefined>, suffix: string): Record<string, string> {
  return Object.fromEntries(Object.entries(row).flatMap(([key, value]) => (key.endsWith(suffix) && value !== undefined ? [[key.slice(0, -suffix.length), value]] : [])));
}
