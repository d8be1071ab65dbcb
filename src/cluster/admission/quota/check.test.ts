import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, ResourceQuota, Service } from 'kubernetes-types/core/v1.d.ts';
import { Pods, Services } from '../../../kube/resource.ts';
import { formatAmounts } from './amounts.ts';
import { checkQuota } from './check.ts';
import { evaluatorOf } from './evaluators.ts';
import { podTotal, podUsage } from './pod-usage.ts';
import { matchesScopes } from './scopes.ts';

const container = (name: string, requests?: Record<string, string>, limits?: Record<string, string>, extra: Partial<Container> = {}): Container => ({
  name,
  resources: { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) },
  ...extra,
});
const pod = (containers: Container[], initContainers: Container[] = []): Pod => ({ metadata: { name: 'test-pod' }, spec: { containers, initContainers } });
const quota = (hard: Record<string, string>, used: Record<string, string> | undefined): ResourceQuota => ({
  metadata: { name: 'mem-cpu-quota' },
  spec: { hard },
  ...(used ? { status: { hard, used } } : {}),
});
const GUIDE = { 'requests.cpu': '1', 'requests.memory': '2Gi' };
const evaluator = evaluatorOf(Pods);

for (const [name, given, on, want] of [
  [
    'a pod that states nothing is told what it must state',
    pod([container('test-pod')]),
    quota(GUIDE, { 'requests.cpu': '0', 'requests.memory': '0' }),
    'failed quota: mem-cpu-quota: must specify requests.cpu for: test-pod; requests.memory for: test-pod',
  ],
  [
    'only the containers that are silent are named, sorted',
    pod([container('reviews'), container('istio-proxy', { cpu: '10m', memory: '40Mi' }), container('app')]),
    quota(GUIDE, { 'requests.cpu': '0', 'requests.memory': '0' }),
    'failed quota: mem-cpu-quota: must specify requests.cpu for: app,reviews; requests.memory for: app,reviews',
  ],
  [
    'a pod over the rest is told the three numbers',
    pod([container('c', { cpu: '500m', memory: '1Gi' })]),
    quota(GUIDE, { 'requests.cpu': '750m', 'requests.memory': '1Gi' }),
    'exceeded quota: mem-cpu-quota, requested: requests.cpu=500m, used: requests.cpu=750m, limited: requests.cpu=1',
  ],
  [
    'several resources over the limit are listed by name',
    pod([container('c', { cpu: '2', memory: '3Gi' })]),
    quota({ ...GUIDE, pods: '10' }, { 'requests.cpu': '0', 'requests.memory': '0', pods: '0' }),
    'exceeded quota: mem-cpu-quota, requested: requests.cpu=2,requests.memory=3Gi, used: requests.cpu=0,requests.memory=0, limited: requests.cpu=1,requests.memory=2Gi',
  ],
] as const) {
  test(name, () => assert.deepEqual(checkQuota(on, { evaluator, object: given, nowMs: 0 }), { t: 'refused', message: want }));
}

test('a pod that fits is charged', () => {
  const answer = checkQuota(quota({ ...GUIDE, pods: '2' }, { 'requests.cpu': '250m', 'requests.memory': '1Gi', pods: '1' }), { evaluator, object: pod([container('c', { cpu: '500m', memory: '512Mi' })]), nowMs: 0 });
  assert.equal(answer.t, 'charged');
  assert.deepEqual(answer.t === 'charged' && formatAmounts(answer.used), { pods: '2', 'requests.cpu': '750m', 'requests.memory': '1536Mi' });
});

test('a quota whose usage was never counted is unknown', () => {
  const answer = checkQuota(quota(GUIDE, undefined), { evaluator, object: pod([container('c', { cpu: '1m', memory: '1Mi' })]), nowMs: 0 });
  assert.deepEqual(answer, { t: 'unknown', message: 'status unknown for quota: mem-cpu-quota, resources: requests.cpu,requests.memory' });
});

test('a quota of other things leaves a pod alone', () => {
  assert.deepEqual(checkQuota(quota({ services: '1' }, { services: '1' }), { evaluator, object: pod([container('c')]), nowMs: 0 }), { t: 'untouched' });
});

test('a limit alone is the request', () => {
  const answer = checkQuota(quota(GUIDE, { 'requests.cpu': '0', 'requests.memory': '0' }), { evaluator, object: pod([container('c', undefined, { cpu: '1', memory: '1Gi' })]), nowMs: 0 });
  assert.equal(answer.t, 'charged');
});

test('a native sidecar counts beside the containers, a plain init container only when it is the peak', () => {
  const given = pod([container('app', { cpu: '100m' })], [container('first', { cpu: '300m' }), container('proxy', { cpu: '50m' }, undefined, { restartPolicy: 'Always' }), container('later', { cpu: '400m' })]);
  assert.deepEqual(formatAmounts(podTotal(given, 'requests')), { cpu: '450m' });
  const small = pod([container('app', { cpu: '100m' })], [container('proxy', { cpu: '50m' }, undefined, { restartPolicy: 'Always' })]);
  assert.deepEqual(formatAmounts(podTotal(small, 'requests')), { cpu: '150m' });
});

test('a finished pod takes nothing but its place among the objects', () => {
  assert.deepEqual(formatAmounts(podUsage({ ...pod([container('c', { cpu: '1' })]), status: { phase: 'Succeeded' } }, 0)), { 'count/pods': '1' });
});

test('a Service that becomes a LoadBalancer is charged for that alone', () => {
  const services = evaluatorOf(Services);
  const before: Service = { spec: { type: 'ClusterIP', ports: [{ port: 80 }] } };
  const after: Service = { spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } };
  const answer = checkQuota(quota({ services: '1', 'services.loadbalancers': '0' }, { services: '1', 'services.loadbalancers': '0' }), { evaluator: services, object: after, before, nowMs: 0 });
  assert.deepEqual(answer, { t: 'refused', message: 'exceeded quota: mem-cpu-quota, requested: services.loadbalancers=1, used: services.loadbalancers=0, limited: services.loadbalancers=0' });
});

type ScopeCase = readonly [name: string, spec: NonNullable<ResourceQuota['spec']>, given: Pod, want: boolean];
const scopeCases: readonly ScopeCase[] = [
  ['BestEffort takes pods that ask for nothing', { scopes: ['BestEffort'] }, pod([container('c')]), true],
  ['BestEffort leaves pods that ask', { scopes: ['BestEffort'] }, pod([container('c', { cpu: '1' })]), false],
  ['Terminating takes pods with a deadline', { scopes: ['Terminating'] }, { spec: { containers: [], activeDeadlineSeconds: 5 } }, true],
  ['PriorityClass In takes the named class', { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } }, { spec: { containers: [], priorityClassName: 'high' } }, true],
  ['PriorityClass In leaves another', { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } }, { spec: { containers: [], priorityClassName: 'low' } }, false],
];
for (const [name, spec, given, want] of scopeCases) {
  test(name, () => assert.equal(matchesScopes({ spec }, given, true), want));
}
