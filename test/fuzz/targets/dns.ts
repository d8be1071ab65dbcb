import assert from 'node:assert/strict';
import { decodeQuery, encodeAnswer } from '../../../src/base/dns/message.ts';
import { answerQuestion, type ZoneView } from '../../../src/cluster/network/dns/zone.ts';
import { answerQuestion as answerName } from '../../../src/proxy/dns/answer.ts';
import { NameStore } from '../../../src/proxy/dns/name-store.ts';
import { isAnswerTo } from '../../../src/proxy/dns/upstream.ts';
import { decodeNameTable, encodeNameTable } from '../../../src/xds/name-table.ts';
import { protobufMessage } from '../shape.ts';
import { allowing, type Target } from '../target.ts';

const view: ZoneView = {
  domain: 'cluster.local',
  service: (namespace, name) => (namespace === 'default' && name === 'web'
    ? { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace, uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', generation: 1 }, spec: { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] } } as unknown as ReturnType<ZoneView['service']>
    : undefined),
  slices: () => [],
  hasNamespace: (name) => name === 'default',
  reverse: (ip) => (ip === '10.96.0.9' ? 'web.default.svc.cluster.local' : undefined),
};

function query(name: string, type: number, options: { opt?: boolean } = {}): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  const opt = options.opt ? Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]) : Buffer.alloc(0);
  return Buffer.concat([Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, options.opt ? 1 : 0]), ...labels, Buffer.from([0, 0, type, 0, 1]), opt]);
}

const HEADER = 12;

const queries: Target = {
  name: 'dns-queries',
  words: ['\u0004_tcp', '\u0003svc', '\u0007cluster\u0005local', '\u0007in-addr\u0004arpa', '\u0003ip6\u0004arpa', '\u0000'],
  seeds: [query('web.default.svc.cluster.local', 1), query('_http._tcp.web.default.svc.cluster.local', 33, { opt: true }), query('9.0.96.10.in-addr.arpa', 12), query('example.com', 28, { opt: true }), query('web.default.svc.cluster.local', 255)],
  check(input) {
    const decoded = decodeQuery(input);
    if (!decoded) return;
    const nothing = { code: 3, answers: [], authority: [], additional: [] } as const;
    const answer = encodeAnswer(decoded, answerQuestion(view, decoded.question) ?? nothing, Math.min(decoded.udpSize, 1232));
    assert.ok(answer.length <= 1232, `${answer.length} bytes`);
    assert.equal(answer.readUInt16BE(0), decoded.id);
    const asked = input.subarray(HEADER, HEADER + questionBytes(input));
    assert.deepEqual(answer.subarray(HEADER, HEADER + asked.length), asked, 'the question is repeated as it was asked');
  },
};

function questionBytes(input: Buffer): number {
  let at = HEADER;
  while ((input[at] ?? 0) !== 0) at += 1 + (input[at] ?? 0);
  return at + 5 - HEADER;
}

const names = { store: new NameStore('default'), search: ['default.svc.cluster.local', 'svc.cluster.local'] };
names.store.set('web', new Map([['web.default.svc.cluster.local', { ips: ['10.96.0.9', 'fd00::9'], registry: 'Kubernetes', shortName: 'web', namespace: 'default' }]]));
names.store.set('wild', new Map([['*.wild.example', { ips: Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`), registry: 'External', shortName: '', namespace: 'default' }]]));

/** The sidecar's DNS proxy. */
const proxied: Target = {
  name: 'dns-proxy-queries',
  words: ['\u0003web', '\u0007default', '\u0003svc', '\u0007cluster\u0005local', '\u0004wild\u0007example', '\u0000'],
  seeds: [query('web.default.svc.cluster.local', 1), query('web', 28), query('a.b.wild.example', 1, { opt: true }), query('a.wild.example.default.svc.cluster.local', 1), query('web.default.svc.cluster.local', 65), query('example.com', 1)],
  check(input, random) {
    const decoded = decodeQuery(input);
    if (!decoded) return;
    const known = answerName(names, decoded.question, random(1000));
    if (known) {
      const answer = encodeAnswer(decoded, known, Math.min(decoded.udpSize, 4096));
      assert.ok(answer.length <= Math.max(512, Math.min(decoded.udpSize, 4096)), `${answer.length} bytes`);
      assert.equal(answer.readUInt16BE(0), decoded.id);
      assert.ok(isAnswerTo(input, answer), 'the answer is one to the question');
    }
    assert.equal(isAnswerTo(input, input), false, 'a question is no answer');
  },
};

const tables: Target = {
  name: 'dns-name-tables',
  shape: protobufMessage,
  seeds: [Buffer.from(encodeNameTable(new Map([['web.default.svc.cluster.local', { ips: ['10.96.0.9'], registry: 'Kubernetes', shortName: 'web', namespace: 'default' }]]))), Buffer.from(encodeNameTable(new Map([['*.example.com', { ips: ['2001:2::1', 'nonsense'], registry: 'External', shortName: '', namespace: '' }]])))],
  check(input) {
    const store = new NameStore('default');
    const table = allowing(Error, () => decodeNameTable(input));
    if (!table) return;
    store.set('it', table);
    for (const host of table.keys()) assert.ok(store.find(host.toLowerCase()));
    store.remove('it');
    assert.equal(store.size, 0);
  },
};

export const targets: readonly Target[] = [queries, proxied, tables];
