import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';
import { RecordType, ResponseCode } from '../../../base/dns/message.ts';
import type { RecordData } from '../../../base/dns/message.ts';
import { answerQuestion } from './zone.ts';
import type { ZoneView } from './zone.ts';

const identity = (name: string, namespace: string) => ({ name, namespace, uid: name, resourceVersion: '1', creationTimestamp: '' });
const service = (name: string, spec: Service['spec'], namespace = 'default'): Stored<Service> => ({ metadata: identity(name, namespace), spec });
const slice = (service_: string, spec: Pick<EndpointSlice, 'endpoints' | 'ports'>): Stored<EndpointSlice> => ({ metadata: { ...identity(service_, 'default'), labels: {} }, addressType: 'IPv4', ...spec });

const services = [
  service('web', { clusterIP: '10.96.1.1', clusterIPs: ['10.96.1.1'], ports: [{ name: 'http', port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }] }),
  service('db', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }),
  service('empty', { clusterIP: 'None', ports: [{ port: 1 }] }),
  service('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
  service('outside', { type: 'ExternalName', externalName: 'www.example.org' }),
];
const slices = new Map([['db', [slice('db', {
  ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
  endpoints: [
    { addresses: ['10.244.0.5'], hostname: 'db-0', conditions: { ready: true } },
    { addresses: ['10.244.0.6'], conditions: { ready: true } },
    { addresses: ['10.244.0.7'], hostname: 'db-2', conditions: { ready: false } },
  ],
})]]]);
const view: ZoneView = {
  domain: 'cluster.local',
  service: (namespace, name) => services.find((s) => s.metadata.name === name && s.metadata.namespace === namespace),
  slices: (_namespace, name) => slices.get(name) ?? [],
  hasNamespace: (name) => name === 'default',
  reverse: (ip) => (ip === '10.96.1.1' ? 'web.default.svc.cluster.local' : undefined),
};

const text = (data: RecordData): string => {
  if ('address' in data) return `${data.type} ${data.address.join('.')}`;
  if (data.type === 'SRV') return `SRV ${data.port} ${data.target}`;
  return 'target' in data ? `${data.type} ${data.target}` : data.type;
};
const ask = (name: string, type: number) => answerQuestion(view, { name, type, class: 1 });
const { A, AAAA, SRV, PTR, TXT, CNAME } = RecordType;

for (const [why, name, type, want] of [
  ['a service has its ClusterIP', 'web.default.svc.cluster.local', A, ['A 10.96.1.1']],
  ['case does not matter', 'WEB.Default.svc.Cluster.local', A, ['A 10.96.1.1']],
  ['an IPv4 service has no AAAA record, but its name exists', 'web.default.svc.cluster.local', AAAA, []],
  ['a port of a service', '_http._tcp.web.default.svc.cluster.local', SRV, ['SRV 80 web.default.svc.cluster.local']],
  ['a UDP port', '_dns._udp.web.default.svc.cluster.local', SRV, ['SRV 53 web.default.svc.cluster.local']],
  ['a headless service has its ready endpoints', 'db.default.svc.cluster.local', A, ['A 10.244.0.5', 'A 10.244.0.6']],
  ['an endpoint with a hostname has a name of its own', 'db-0.db.default.svc.cluster.local', A, ['A 10.244.0.5']],
  ['an endpoint without one is named by its address', '10-244-0-6.db.default.svc.cluster.local', A, ['A 10.244.0.6']],
  ['ports of a headless service lead to its endpoints', '_sql._tcp.db.default.svc.cluster.local', SRV, ['SRV 5432 db-0.db.default.svc.cluster.local', 'SRV 5432 10-244-0-6.db.default.svc.cluster.local']],
  ['an alias within the cluster is followed', 'alias.default.svc.cluster.local', A, ['CNAME web.default.svc.cluster.local', 'A 10.96.1.1']],
  ['an alias that leads out is given as it is', 'outside.default.svc.cluster.local', A, ['CNAME www.example.org']],
  ['an alias asked for as such is not followed', 'alias.default.svc.cluster.local', CNAME, ['CNAME web.default.svc.cluster.local']],
  ['an address of a pod', '10-244-0-9.default.pod.cluster.local', A, ['A 10.244.0.9']],
  ['an address has a name', '1.1.96.10.in-addr.arpa', PTR, ['PTR web.default.svc.cluster.local']],
  ['the version of the scheme', 'dns-version.cluster.local', TXT, ['TXT']],
  ['a namespace exists without records', 'default.svc.cluster.local', A, []],
] as const) {
  test(`${why}: ${name}`, () => {
    const answer = ask(name, type);
    assert.equal(answer?.code, ResponseCode.NoError);
    assert.deepEqual(answer?.answers.map((r) => text(r.data)), want);
    // Nothing of this type: the SOA record tells how long that may be remembered (RFC 2308).
    assert.deepEqual(answer?.authority.map((r) => r.data.type), want.length === 0 ? ['SOA'] : []);
  });
}

for (const [why, name] of [
  ['no such service', 'nope.default.svc.cluster.local'],
  ['no such namespace', 'web.nope.svc.cluster.local'],
  ['no such endpoint', 'db-9.db.default.svc.cluster.local'],
  ['an endpoint that is not ready', 'db-2.db.default.svc.cluster.local'],
  ['a headless service with nobody behind it', 'empty.default.svc.cluster.local'],
  ['no such port', '_nope._tcp.web.default.svc.cluster.local'],
  ['an endpoint of a service that is not headless', 'x.web.default.svc.cluster.local'],
  ['a name of the search path tried too early', 'web.default.svc.cluster.local.default.svc.cluster.local'],
  ['an address nobody has', '9.9.96.10.in-addr.arpa'],
] as const) {
  test(`${why} does not exist: ${name}`, () => {
    const answer = ask(name, A);
    assert.equal(answer?.code, ResponseCode.NameError);
    assert.deepEqual(answer?.authority.map((r) => r.data.type), ['SOA']);
  });
}

test('names of others are not answered', () => assert.equal(ask('www.example.org', A), undefined));
