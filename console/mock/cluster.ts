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

const pod = (workload: MockWorkload, i: number) => ({
  apiVersion: 'v1', kind: 'Pod', metadata: meta(`${workload.name}-7d9f6c8b4-x${i}k2p`, workload.namespace, { labels: labelsOf(workload) }),
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

const istio = (kind: string, name: string, namespace: string, spec: object, status: object = {}) => ({ apiVersion: 'networking.istio.io/v1', kind, metadata: meta(name, namespace, { generation: 2 }), spec, status });
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
    istio('VirtualService', 'bookinfo', 'default', { hosts: ['*'], gateways: ['bookinfo-gateway'], http: [{ match: [{ uri: { exact: '/productpage' } }], route: [{ destination: { host: 'productpage', port: { number: 9080 } } }] }] }),
    istio('VirtualService', 'reviews', 'default', { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews', subset: 'v1' }, weight: 90 }, { destination: { host: 'reviews', subset: 'v2' }, weight: 10 }] }] }, { conditions: [{ type: 'Reconciled', status: 'True' }] }),
    istio('VirtualService', 'checkout', 'shop', { hosts: ['checkout'], http: [{ route: [{ destination: { host: 'checkout', subset: 'v9' } }] }] }, { validationMessages: [{ level: 'ERROR', type: { code: 'IST0101' }, message: 'Referenced host+subset in destinationrule not found: "checkout+v9"' }] }),
  ],
  '/apis/networking.istio.io/v1/destinationrules': [istio('DestinationRule', 'reviews', 'default', { host: 'reviews', subsets: ['v1', 'v2', 'v3'].map(subset) }), istio('DestinationRule', 'details', 'default', { host: 'details', subsets: ['v1', 'v2'].map(subset) })],
  '/apis/networking.istio.io/v1/gateways': [istio('Gateway', 'bookinfo-gateway', 'default', { selector: { istio: 'ingressgateway' }, servers: [{ port: { number: 8080, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] })],
  '/apis/security.istio.io/v1/peerauthentications': [{ apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata: meta('default', 'shop'), spec: { mtls: { mode: 'STRICT' } } }],
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

export const syncz = WORKLOADS.filter((it) => it.meshed).map((workload, i) => ({
  cluster_id: 'Kubernetes', proxy: `${workload.name}-7d9f6c8b4-x${i}k2p.${workload.namespace}`, istio_version: '1.30.0',
  cluster_sent: 'a1', cluster_acked: 'a1', listener_sent: 'b1', listener_acked: 'b1', route_sent: 'c1', route_acked: i === 4 ? 'c0' : 'c1', endpoint_sent: 'd1', endpoint_acked: 'd1',
}));
