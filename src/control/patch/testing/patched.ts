/** For tests: what proxies of a mesh written as YAML get, as JSON, and what is said of the patches. */
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { parse } from 'yaml';
import { messageTypes } from '../../../xds/message-types.ts';
import { shortType, TypeUrl } from '../../../xds/type-urls.ts';
import { Generator } from '../../generate/generator.ts';
import { snapshotOf } from '../../registry/snapshot-builder.ts';
import { yamlMesh } from '../../registry/testing/yaml-mesh.ts';
import { readProxy, type Proxy } from '../../translate/proxy.ts';
import { typeOf } from '../patch.ts';

const WEB = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec: {template: {metadata: {labels: {app: web, version: v1}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: istio-system}
spec: {template: {metadata: {labels: {istio: ingressgateway, gateway.networking.k8s.io/gateway-name: edge}}}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.test]}, {port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: c}, hosts: [shop.test]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec: {hosts: [shop.test], gateways: [gw], http: [{name: first, match: [{uri: {prefix: /old}}], redirect: {uri: /new}}, {name: second, route: [{destination: {host: web}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec: {hosts: [web], http: [{name: a, match: [{uri: {prefix: /a}}], directResponse: {status: 418}}, {name: b, route: [{destination: {host: web}}]}]}
`;

export interface PatchedMesh {
  /** By short type and name: `LDS virtualInbound`. */
  readonly resources: ReadonlyMap<string, unknown>;
  /** `default/f spec.configPatches[0]: …` */
  readonly reports: readonly string[];
  readonly generator: Generator;
  readonly proxy: Proxy;
}

export interface Who {
  readonly kind?: 'sidecar' | 'router';
  readonly ours?: boolean;
  readonly extensions?: readonly string[];
  readonly metadata?: Record<string, string>;
  readonly more?: string;
}

/** @param spec YAML of one EnvoyFilter in `default`; several: by `namespace/name` */
export function patchedMesh(spec: string | Readonly<Record<string, string>>, who: Who = {}): PatchedMesh {
  const { kind = 'sidecar', ours = false, more = '' } = who;
  const filters = Object.entries(typeof spec === 'string' ? { 'default/f': spec } : spec).map(([at, text]) => {
    const [namespace, name] = at.split('/');
    return JSON.stringify({ apiVersion: 'networking.istio.io/v1alpha3', kind: 'EnvoyFilter', metadata: { namespace, name }, spec: parse(text) as unknown });
  });
  const generator = new Generator(snapshotOf(yamlMesh([WEB, more, ...filters])));
  const workload = [...generator.snapshot.workloads.values()].find((w) => w.workloadName === (kind === 'sidecar' ? 'web' : 'edge'));
  if (!workload) throw new Error('the workload of the test mesh is not there');
  const { address, name, namespace, labels } = workload;
  const read = readProxy({ id: `${kind}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`, metadata: { NAMESPACE: namespace, LABELS: { ...labels }, WORKLOAD_NAME: workload.workloadName, ISTIO_VERSION: '1.32.0', ...who.metadata }, extensions: (who.extensions ?? []).map((extension) => ({ name: extension })), userAgentName: ours ? 'lateen' : 'envoy' });
  if ('error' in read) throw new Error(read.error);
  const { proxy } = read;
  return { resources: resourcesOf(generator, proxy), reports: [...generator.leftOut, ...generator.patchReports([proxy])].map((r) => `${r.namespace}/${r.name} ${r.field ?? ''}: ${r.reason}`), generator, proxy };
}

/** Of each type that patches change; routes are those that the test mesh has. */
export function resourcesOf(generator: Generator, proxy: Proxy): Map<string, unknown> {
  const types = messageTypes();
  const routes = proxy.kind === 'router' ? ['http.8080', 'https.443.https.gw.default'] : ['80', 'inbound|8080||', 'inbound|9000||'];
  const all = [TypeUrl.Cluster, TypeUrl.Listener].flatMap((typeUrl) => [...generator.resources(proxy, typeUrl, 'all').values()]);
  const named = [...generator.resources(proxy, TypeUrl.Route, new Set(routes)).values()];
  const extensions = [TypeUrl.ExtensionConfig, TypeUrl.VirtualHost].flatMap((typeUrl) => [...generator.resources(proxy, typeUrl, 'all').values()]);
  return new Map([...all, ...named, ...extensions].map((r) => {
    const desc = typeOf(r.typeUrl.slice(r.typeUrl.lastIndexOf('/') + 1), types);
    return [`${shortType(r.typeUrl)} ${r.name}`, toJson(desc, fromBinary(desc, r.value), { registry: types })];
  }));
}
