import assert from 'node:assert/strict';
import { OutcomeLines } from '../../../src/agent/outcome-lines.ts';
import { silentLog } from '../../../src/base/log.ts';
import { expose } from '../../../src/proxy/telemetry/exposition.ts';
import { createPeerCodec } from '../../../src/proxy/telemetry/peer-codec.ts';
import { Registry } from '../../../src/proxy/telemetry/registry.ts';
import { createStandardMetrics } from '../../../src/proxy/telemetry/standard-metrics.ts';
import { json, type Target } from '../target.ts';

const WORKLOAD = {
  name: 'web-1', namespace: 'shop', workload: 'web', serviceAccount: 'web', labels: new Map([['app', 'web']]), annotations: new Map<string, string>(),
  app: 'web', version: 'v1', canonicalName: 'web', canonicalRevision: 'v1', clusterId: 'Kubernetes', meshId: 'm',
};
const codec = createPeerCodec(WORKLOAD, 'me');
const line = (more: object) => json({ reporter: 'source', type: 'DownstreamEnd', flags: '-', duration: 7, received: 10, sent: 20, code: 200, ...more });

const outcomeLines: Target = {
  name: 'outcome-lines',
  words: ['"reporter":', '"destination"', '"services":[{"host":', 'null', '[]', '{}', ';;;;', '"TcpConnectionEnd"', '1e999', '"spiffe://a/ns/b/sa/c"', '\\u0000', '"peer":"'],
  seeds: [
    line({ cluster: 'outbound|80||db.shop.svc', services: [{ host: 'db.shop.svc', name: 'db', namespace: 'shop' }], host: '10.0.0.1:80', workload: 'db;shop;db;v1;Kubernetes', upstreamPeer: 'spiffe://cluster.local/ns/shop/sa/db', authority: 'db' }),
    line({ reporter: 'destination', type: 'TcpConnectionEnd', peer: codec.ownValue, downstreamPeer: 'spiffe://cluster.local/ns/shop/sa/web', grpc: 3, contentType: 'application/grpc', flags: 'UF,URX' }),
  ],
  check(input) {
    const registry = new Registry();
    const lines = new OutcomeLines(createStandardMetrics(registry, { workload: WORKLOAD, role: 'sidecar' }, silentLog), codec);
    lines.take(input.toString('utf8'));
    for (const exposed of expose(registry.families()).split('\n')) assert.match(exposed, /^$|^#|^[a-z_]+(\{[^]*\})? \S+$/);
  },
};

export const targets: readonly Target[] = [outcomeLines];
