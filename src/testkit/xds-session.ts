/** A session of a client, played by a test. */
import assert from 'node:assert/strict';
import { fromBinary } from '@bufbuild/protobuf';
import { FakeClock } from './fake-clock.ts';
import { DeltaDiscoveryResponseSchema, DiscoveryResponseSchema } from '../xds/generated/envoy/service/discovery/v3/discovery_pb.js';
import { EncodedResource } from '../xds/resource.ts';
import { ResourceSet } from '../xds/resource-set.ts';
import { AdsSession } from '../xds/session.ts';
import { shortType, TypeUrl } from '../xds/type-urls.ts';

export const text = (value: string) => new TextEncoder().encode(value);

/** A session, what it may send, and what it has sent: `CDS +a +b -c`. */
export function startSession(mode: 'delta' | 'sotw') {
  const clock = new FakeClock();
  const now = new Map<string, ResourceSet>();
  const written: { short: string; typeUrl: string; nonce: string; text: string }[] = [];
  const put = (typeUrl: string, entries: Record<string, string>) => {
    const resources = Object.entries(entries).map(([name, value]) => new EncodedResource(typeUrl, name, text(value), typeUrl === TypeUrl.Cluster && value.startsWith('eds') ? { needsEndpoints: name } : {}));
    now.set(typeUrl, (now.get(typeUrl) ?? ResourceSet.empty).become(resources));
  };
  const session = new AdsSession({
    mode,
    clock,
    gateMs: 3000,
    source: { target: () => ({ number: 1, version: 'v', resources: (typeUrl) => [now.get(typeUrl) ?? ResourceSet.empty] }) },
    write({ bytes: message }) {
      if (mode === 'delta') {
        const r = fromBinary(DeltaDiscoveryResponseSchema, message);
        const parts = [...r.resources.map((x) => `+${x.name}`), ...r.removedResources.map((x) => `-${x}`)];
        written.push({ short: shortType(r.typeUrl), typeUrl: r.typeUrl, nonce: r.nonce, text: [shortType(r.typeUrl), ...parts].join(' ') });
      } else {
        const r = fromBinary(DiscoveryResponseSchema, message);
        written.push({ short: shortType(r.typeUrl), typeUrl: r.typeUrl, nonce: r.nonce, text: `${shortType(r.typeUrl)} ${r.resources.length}` });
      }
    },
  });
  const take = () => written.splice(0).map((w) => w.text);
  const delta = (typeUrl: string, over: { subscribe?: string[]; unsubscribe?: string[]; nonce?: string; error?: string; versions?: Record<string, string> } = {}) =>
    session.receiveDelta({ typeUrl, resourceNamesSubscribe: over.subscribe ?? [], resourceNamesUnsubscribe: over.unsubscribe ?? [], initialResourceVersions: over.versions ?? {}, responseNonce: over.nonce ?? '', errorDetail: over.error === undefined ? undefined : { message: over.error } });
  const nonceOf = (typeUrl: string) => session.status().find((s) => s.typeUrl === typeUrl)?.nonceSent ?? '';
  const ack = (...types: string[]) => { for (const typeUrl of types) delta(typeUrl, { nonce: nonceOf(typeUrl) }); };
  const changed = () => session.notify();
  return { session, clock, put, take, delta, ack, changed, nonceOf };
}

const { Cluster, Endpoints, Listener, Route } = TypeUrl;

/** A client that holds one cluster with endpoints, one listener and one route. */
export function settled() {
  const s = startSession('delta');
  s.put(Cluster, { a: 'eds' });
  s.put(Endpoints, { a: '1' });
  s.put(Listener, { l: '1' });
  s.put(Route, { r: '1' });
  s.delta(Cluster);
  s.ack(Cluster);
  s.delta(Endpoints, { subscribe: ['a'] });
  s.ack(Endpoints);
  s.delta(Listener);
  s.ack(Listener);
  s.delta(Route, { subscribe: ['r'] });
  s.ack(Route);
  assert.deepEqual(s.take(), ['CDS +a', 'EDS +a', 'LDS +l', 'RDS +r']);
  return s;
}
