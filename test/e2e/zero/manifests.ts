/** The mesh that the load runs in: one client, an application in several versions, and one that only holds WebSockets. */

export interface AppOptions {
  readonly name: string;
  readonly version: string;
  readonly replicas: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Default 30. */
  readonly graceSeconds?: number;
}

const PORTS = [['http', 8080], ['http2', 8081], ['grpc', 8082]] as const;

/** A Deployment `NAME-VERSION` of pods labelled `app: NAME, version: VERSION`. */
export function deployment({ name, version, replicas, env = {}, graceSeconds = 30 }: AppOptions): string {
  return JSON.stringify({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: `${name}-${version}` },
    spec: {
      replicas, selector: { matchLabels: { app: name, version } },
      template: {
        metadata: { labels: { app: name, version } },
        spec: {
          terminationGracePeriodSeconds: graceSeconds,
          containers: [{
            name: 'app', image: 'lateen/traffic-server', imagePullPolicy: 'IfNotPresent',
            env: Object.entries({ VERSION: version, ...env }).map(([key, value]) => ({ name: key, value })),
            ports: PORTS.map(([portName, containerPort]) => ({ name: portName, containerPort })),
            readinessProbe: { httpGet: { path: '/', port: 8080 } },
          }],
        },
      },
    },
  });
}

export const service = (name: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: PORTS.map(([portName, port]) => ({ name: portName, port, targetPort: port })) } });

export const client = (): string =>
  JSON.stringify({
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'client', labels: { app: 'client' } },
    spec: { containers: [{ name: 'app', image: 'lateen/traffic-client', imagePullPolicy: 'IfNotPresent' }] },
  });

export const subsets = (host: string, names: Readonly<Record<string, string>>, trafficPolicy?: unknown): string =>
  JSON.stringify({
    apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: host },
    spec: { host, ...(trafficPolicy ? { trafficPolicy } : {}), subsets: Object.entries(names).map(([name, version]) => ({ name, labels: { version } })) },
  });

/** Everything for the host to one subset: from the ingress gateway to its HTTP port, in the mesh to the port that was called. */
export const routeTo = (host: string, subset: string, extra: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: host },
    spec: {
      hosts: [host, `${host}.example.com`], gateways: ['mesh', 'edge'],
      http: [
        { match: [{ gateways: ['edge'] }], route: [{ destination: { host, subset, port: { number: 8080 } } }], ...extra },
        { route: [{ destination: { host, subset } }], ...extra },
      ],
    },
  });

export const gateway = (): string =>
  JSON.stringify({
    apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'edge' },
    spec: { selector: { istio: 'ingressgateway' }, servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] },
  });

/** Several documents for one `kubectl apply`. */
export const together = (...documents: readonly string[]): string => documents.join('\n---\n');
