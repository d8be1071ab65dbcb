/** The made-up mesh as a Kubernetes API would list it, and the control plane's sync table. */
import { WORKLOADS, type MockWorkload } from './topology.ts';

const created = new Date(Date.now() - 3_600_000 * 5).toISOString();
const meta = (name: string, namespace?: string, extra: object = {}) => ({ name, ...(namespace === undefined ? {} : { namespace }), uid: `${namespace}-${name}`, resourceVersion: '1', creationTimestamp: created, ...extra });

const labelsOf = (workload: MockWorkload) => ({ app: workload.app, version: workload.version });
const container = (workload: MockWorkload) => ({ name: workload.app, image: workload.image });

const deployment = (workload: MockWorkload) => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: meta(workload.name, workload.namespace, { labels: labelsOf(workload), generation: 1 }),
  spec: { replicas: 1, selector: { matchLabels: labelsOf(workload) }, template: { metadata: { labels: labelsOf(workload) }, spec: { serviceAccountName: `bookinfo-${workload.app}`, containers: [container(workload)] } } },
  status: { replicas: 1, readyReplicas: workload.name === 'legacy-batch' ? 0 : 1, availableReplicas: 1 },
});

const podName = (workload: MockWorkload, i: number): string => `${workload.name}-7d9f6c8b4-x${i}k2p`;

const pod = (workload: MockWorkload, i: number) => ({
  apiVersion: 'v1', kind: 'Pod', metadata: meta(podName(workload, i), workload.namespace, { labels: labelsOf(workload) }),
  spec: { nodeName: 'lateen', serviceAccountName: `bookinfo-${workload.app}`, containers: [container(workload)], initContainers: workload.meshed ? [{ name: 'istio-proxy', image: 'lateen/proxy:0.1.0', restartPolicy: 'Always' }] : [] },
  status: {
    phase: 'Running', podIP: `10.244.0.${10 + i}`, startTime: created,
    containerStatuses: [{ name: workload.app, ready: workload.name !== 'legacy-batch', restartCount: workload.name === 'legacy-batch' ? 7 : 0, state: workload.name === 'legacy-batch' ? { waiting: { reason: 'CrashLoopBackOff' } } : { running: {} } }],
    initContainerStatuses: workload.meshed ? [{ name: 'istio-proxy', ready: true, restartCount: 0, started: true, state: { running: {} } }] : [],
  },
});

const services = [...new Map(WORKLOADS.filter((it) => it.name !== 'legacy-batch').map((it) => [`${it.namespace}/${it.app}`, it])).values()].map((workload, i) => ({
  apiVersion: 'v1', kind: 'Service', metadata: meta(workload.app, workload.namespace, { labels: { app: workload.app } }),
  spec: { type: 'ClusterIP', clusterIP: `10.96.1.${i + 1}`, selector: { app: workload.app }, ports: [{ name: 'http', port: 9080, protocol: 'TCP', targetPort: 9080 }] },
}));

type Verdict = readonly [status: 'True' | 'False', reason: string, message: string];

/** As istiod writes it; what is not said is good. */
function statusOf(proxies: number, said: Readonly<Record<string, Verdict>> = {}, observedGeneration = 2) {
  const good: Readonly<Record<string, Verdict>> = {
    Accepted: ['True', 'Valid', 'the object is valid'], ResolvedRefs: ['True', 'ResolvedRefs', 'everything that the object refers to is there'],
    Programmed: ['True', 'Programmed', `acknowledged by ${proxies} of ${proxies} interested proxies`], InEffect: ['True', 'AllFieldsInEffect', 'every field that is set has an effect'],
  };
  return { observedGeneration, conditions: Object.entries({ ...good, ...said }).map(([type, [status, reason, message]]) => ({ type, status, reason, message, observedGeneration, lastTransitionTime: created })) };
}

/** @param id `Kind namespace/name` */
function istio(id: string, spec: object, status: object) {
  const [kind = '', place = ''] = id.split(' ');
  const [namespace = '', name = ''] = place.split('/');
  return { apiVersion: 'networking.istio.io/v1', kind, metadata: meta(name, namespace, { generation: 2 }), spec, status };
}
const subset = (version: string) => ({ name: version, labels: { version } });

const collections: Readonly<Record<string, readonly object[]>> = {
  '/api/v1/namespaces': [
    { metadata: meta('default', undefined, { labels: { 'istio-injection': 'enabled' } }) },
    { metadata: meta('istio-system') },
    { metadata: meta('kube-system') },
    { metadata: meta('legacy') },
    { metadata: meta('shop', undefined, { labels: { 'istio-injection': 'enabled' } }) },
  ],
  '/api/v1/pods': WORKLOADS.map(pod),
  '/api/v1/services': services,
  '/apis/apps/v1/deployments': WORKLOADS.map(deployment),
  '/apis/apps/v1/statefulsets': [],
  '/apis/apps/v1/daemonsets': [],
  '/apis/networking.istio.io/v1/virtualservices': [
    istio('VirtualService default/bookinfo', { hosts: ['*'], gateways: ['bookinfo-gateway'], http: [{ match: [{ uri: { exact: '/productpage' } }], route: [{ destination: { host: 'productpage', port: { number: 9080 } } }] }] }, statusOf(1)),
    istio('VirtualService default/reviews', { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews', subset: 'v1' }, weight: 90 }, { destination: { host: 'reviews', subset: 'v2' }, weight: 10 }] }] }, statusOf(9, { Programmed: ['False', 'Pending', 'acknowledged by 8 of 9 interested proxies; waiting for ratings-v1-7d9f6c8b4-x4k2p.default'] })),
    istio('VirtualService shop/checkout', { hosts: ['checkout'], http: [{ route: [{ destination: { host: 'checkout', subset: 'v9' } }] }] }, statusOf(9, { ResolvedRefs: ['False', 'RefNotFound', 'spec.http[0].route[0].destination.subset: subset v9 of checkout.shop.svc.cluster.local is not in DestinationRule shop/checkout (has v1, v2)'] })),
    istio('VirtualService default/ratings', { hosts: ['ratings'], http: [{ route: [{ destination: { host: 'ratings' }, headers: { response: { set: { 'x-host': '%NO_SUCH_OPERATOR%' } } } }] }] }, statusOf(9, {
      Programmed: ['False', 'Refused', 'acknowledged by 7 of 9 interested proxies; refused by productpage-v1-7d9f6c8b4-x0k2p.default and 1 more: route 9080, virtual host ratings.default.svc.cluster.local:9080: unknown operator NO_SUCH_OPERATOR; the version before stays in force'],
    })),
    istio('VirtualService legacy/nobody', { hosts: ['nobody'], http: [{ route: [{ destination: { host: 'nobody' } }] }] }, statusOf(0, { Programmed: ['True', 'NoInterestedProxy', 'no connected proxy uses this object'] })),
  ],
  '/apis/networking.istio.io/v1/destinationrules': [
    istio('DestinationRule default/reviews', { host: 'reviews', subsets: ['v1', 'v2', 'v3'].map(subset) }, statusOf(9)),
    istio('DestinationRule default/details', { host: 'details', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } }, subsets: [subset('v1'), subset('v1')] }, statusOf(9, {
      Accepted: ['False', 'Invalid', 'left out: spec.subsets[1].name: duplicate subset v1'], Programmed: ['False', 'Invalid', 'the object is left out; see Accepted'],
    })),
    istio('DestinationRule shop/checkout', { host: 'checkout', trafficPolicy: { loadBalancer: { backendUtilization: {} } }, subsets: ['v1', 'v2'].map(subset) }, statusOf(9, { InEffect: ['False', 'FieldsNotInEffect', 'spec.trafficPolicy.loadBalancer.backendUtilization: load reports are not read'] })),
  ],
  '/apis/networking.istio.io/v1/gateways': [istio('Gateway default/bookinfo-gateway', { selector: { istio: 'ingressgateway' }, servers: [{ port: { number: 8080, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] }, statusOf(1, {}, 1))],
  '/apis/security.istio.io/v1/peerauthentications': [{ apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata: meta('default', 'shop'), spec: { mtls: { mode: 'STRICT' } }, status: {} }],
};

/** A collection or one object of it; undefined when there is none. */
export function kubeAnswer(path: string): unknown {
  if (path === '/apis') return { kind: 'APIGroupList', groups: ['networking.istio.io', 'security.istio.io'].map((name) => ({ name, versions: [{ groupVersion: `${name}/v1` }] })) };
  const items = collections[path] ?? (/^\/apis\/(networking|security)\.istio\.io\/v1\/[a-z]+$/.test(path) ? [] : undefined);
  if (items) return { kind: 'List', apiVersion: 'v1', metadata: {}, items };
  const match = /^(.*)\/namespaces\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(path);
  const [, root, namespace, plural, name] = match ?? [];
  return collections[`${root}/${plural}`]?.find((item) => {
    const { metadata } = item as { metadata: { name: string; namespace?: string } };
    return metadata.name === name && metadata.namespace === namespace;
  });
}

export const syncz = WORKLOADS.map((workload, i) => ({ ...workload, pod: podName(workload, i) })).filter((it) => it.meshed).map(({ pod: name, namespace }, i) => ({
  cluster_id: 'Kubernetes', proxy: `${name}.${namespace}`, istio_version: '1.30.0',
  cluster_sent: 'a1', cluster_acked: 'a1', listener_sent: 'b1', listener_acked: 'b1', route_sent: 'c1', route_acked: i === 4 ? 'c0' : 'c1', endpoint_sent: 'd1', endpoint_acked: 'd1',
}));

/** Some access log, the newest line last. */
export function mockLog(): string {
  const line = (ago: number) => {
    const time = new Date(Date.now() - ago * 700).toISOString();
    const code = ago % 9 === 3 ? 503 : ago % 7 === 2 ? 404 : 200;
    return `${time} [${time}] "GET /reviews/0 HTTP/1.1" ${code} ${code === 503 ? 'UF' : '-'} via_upstream - "-" 0 379 ${4 + (ago % 11)} 4 "-" "curl/8.5.0" "b1c5f0de" "reviews:9080" "10.244.0.17:9080" outbound|9080|v1|reviews.default.svc.cluster.local\n`;
  };
  return Array.from({ length: 60 }, (_, i) => line(60 - i)).join('');
}
