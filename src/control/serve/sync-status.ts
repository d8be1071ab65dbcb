/** How far a proxy is with what it was sent, in the words and columns of Istio's `/debug/syncz`. */
import type { TypeStatus } from '../../xds/type-stream.ts';
import { TypeUrl } from '../../xds/type-urls.ts';

/** Our own sidecars get the virtual hosts of route configurations one by one: both are what people call routes. */
const COLUMNS: readonly (readonly [name: string, ...typeUrls: string[]])[] = [
  ['cluster', TypeUrl.Cluster], ['listener', TypeUrl.Listener], ['route', TypeUrl.Route, TypeUrl.VirtualHost], ['endpoint', TypeUrl.Endpoints], ['extensionconfig', TypeUrl.ExtensionConfig],
];

/** What was sent of a type and what was said to it. */
type Exchange = Pick<TypeStatus, 'nonceSent' | 'nonceAcked' | 'error'>;

/** `NAME_sent`, `NAME_acked` (nonces), `NAME_status` and, where something was refused, `NAME_error` of each column of which something was sent. */
export function syncColumns(types: readonly (Exchange & Pick<TypeStatus, 'typeUrl'>)[]): Record<string, string> {
  const status = new Map(types.map((type) => [type.typeUrl, type]));
  const columns: Record<string, string> = {};
  for (const [name, ...typeUrls] of COLUMNS) {
    const s = together(typeUrls.flatMap((typeUrl) => status.get(typeUrl) ?? []));
    if (s.nonceSent === '') continue;
    columns[`${name}_sent`] = s.nonceSent;
    columns[`${name}_acked`] = s.nonceAcked;
    columns[`${name}_status`] = syncStatus(s);
    if (s.error !== undefined) columns[`${name}_error`] = s.error;
  }
  return columns;
}

/** Nonces of several types as one: whatever changes in one of them shows. */
function together(all: readonly Exchange[]): Exchange {
  const sent = all.filter(({ nonceSent }) => nonceSent !== '');
  return { nonceSent: sent.map(({ nonceSent }) => nonceSent).join(), nonceAcked: sent.map(({ nonceAcked }) => nonceAcked).join(), error: sent.find(({ error }) => error !== undefined)?.error };
}

/** Istio's words. */
export function syncStatus(status: Exchange | undefined): 'SYNCED' | 'NOT SENT' | 'STALE' | 'ERROR' {
  if (!status || status.nonceSent === '') return 'NOT SENT';
  if (status.error !== undefined) return 'ERROR';
  return status.nonceSent === status.nonceAcked ? 'SYNCED' : 'STALE';
}
