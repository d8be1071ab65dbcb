import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordType, ResponseCode } from '../../base/dns/message.ts';
import { answerQuestion } from './answer.ts';
import { NameStore } from './name-store.ts';
import { parseResolvConf } from './resolv-conf.ts';

test('resolv.conf: three servers, the last search list, comments and nonsense left out', () => {
  const text = '# made by hand\nnameserver 10.96.0.10\nnameserver nonsense\nnameserver fe80::1%eth0\nnameserver 1.1.1.1\nnameserver 8.8.8.8\ndomain old.example\nsearch default.svc.cluster.local SVC.cluster.local. ; more\noptions ndots:5\n';
  assert.deepEqual(parseResolvConf(text), { nameservers: ['10.96.0.10', 'fe80::1%eth0', '1.1.1.1'], search: ['default.svc.cluster.local', 'svc.cluster.local'] });
  assert.deepEqual(parseResolvConf(''), { nameservers: [], search: [] });
});

function names() {
  const store = new NameStore('default');
  const kube = (shortName: string, namespace: string, ips: string[]) => [`${shortName}.${namespace}.svc.cluster.local`, { ips, registry: 'Kubernetes', shortName, namespace }] as const;
  store.set('reviews', new Map([kube('reviews', 'default', ['10.96.0.7'])]));
  store.set('ratings', new Map([kube('ratings', 'shop', ['10.96.0.8', 'fd00::8'])]));
  store.set('kafka', new Map([kube('kafka', 'default', ['10.244.0.2', '10.244.0.3']), kube('kafka-0.kafka', 'default', ['10.244.0.2'])]));
  store.set('api', new Map([['api.example.com', { ips: ['240.240.0.9'], registry: 'External', shortName: '', namespace: 'default' }]]));
  store.set('wild', new Map([['*.wild.example', { ips: ['192.0.2.1'], registry: 'External', shortName: '', namespace: 'default' }]]));
  return { store, search: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'] };
}

/** `10.0.0.1`, `→name 10.0.0.1`, `none`, or `ask` for the next server. */
function ask(name: string, type: number = RecordType.A, turn = 0): string {
  const found = answerQuestion(names(), { name, type, class: 1 }, turn);
  if (!found) return 'ask';
  assert.equal(found.code, ResponseCode.NoError);
  const shown = found.answers.map(({ data }) => (data.type === 'CNAME' ? `→${data.target}` : data.type === 'A' || data.type === 'AAAA' ? data.address.join('.') : '?'));
  return shown.length === 0 ? 'none' : shown.join(' ');
}

for (const [name, want] of [
  ['reviews.default.svc.cluster.local', '10.96.0.7'],
  ['REVIEWS.default.SVC.cluster.local', '10.96.0.7'],
  ['reviews', '10.96.0.7'],
  ['reviews.default', '10.96.0.7'],
  ['reviews.default.svc', '10.96.0.7'],
  ['ratings', 'ask'],
  ['ratings.shop', '10.96.0.8'],
  ['ratings.shop.svc.cluster.local', '10.96.0.8'],
  ['ratings.shop.default.svc.cluster.local', '→ratings.shop 10.96.0.8'],
  ['kafka', '10.244.0.2 10.244.0.3'],
  ['kafka-0.kafka', '10.244.0.2'],
  ['kafka-0.kafka.default.svc.cluster.local', '10.244.0.2'],
  ['kafka-1.kafka.default.svc.cluster.local', 'ask'],
  ['api.example.com', '240.240.0.9'],
  ['api.example.com.default.svc.cluster.local', '→api.example.com 240.240.0.9'],
  ['api.example.com.cluster.local', '→api.example.com 240.240.0.9'],
  ['a.wild.example', '192.0.2.1'],
  ['a.b.wild.example', '192.0.2.1'],
  ['wild.example', 'ask'],
  ['example.com', 'ask'],
  ['', 'ask'],
] as const) test(`${name === '' ? 'the root' : name} → ${want}`, () => assert.equal(ask(name), want));

test('a name without an address of the other family has no records, and nobody else is asked', () => {
  assert.equal(ask('reviews', RecordType.AAAA), 'none');
  assert.equal(ask('api.example.com', RecordType.AAAA), 'none');
  assert.notEqual(ask('ratings.shop', RecordType.AAAA), 'none');
});

test('hints that lead past our addresses are not passed on for names that we know', () => {
  assert.equal(ask('api.example.com', 65), 'none');
  assert.equal(ask('example.com', 65), 'ask');
});

test('other kinds of records are somebody else’s', () => assert.equal(ask('reviews.default.svc.cluster.local', RecordType.SRV), 'ask'));

test('addresses take turns at the front', () => {
  assert.equal(ask('kafka', RecordType.A, 1), '10.244.0.3 10.244.0.2');
});

test('a resource that changes or goes takes its names with it', () => {
  const { store } = names();
  store.set('reviews', new Map([['reviews.default.svc.cluster.local', { ips: ['10.96.0.99'], registry: 'Kubernetes', shortName: 'reviews', namespace: 'default' }]]));
  assert.deepEqual(store.find('reviews.default')?.v4.map((ip) => ip.join('.')), ['10.96.0.99']);
  store.remove('reviews');
  assert.deepEqual([store.find('reviews'), store.find('reviews.default.svc.cluster.local')], [undefined, undefined]);
});
