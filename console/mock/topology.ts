/** A made-up mesh for developing the console: who calls whom, how often, how well, how fast. */
export interface MockWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  readonly image: string;
  /** False: no sidecar. */
  readonly meshed: boolean;
}

export interface MockCall {
  readonly from: string;
  readonly service: string;
  readonly namespace: string;
  readonly to: string;
  /** Requests per second; kilobytes per second for TCP. */
  readonly rate: number;
  /** Code → share. */
  readonly codes: Readonly<Record<string, number>>;
  /** Milliseconds, median. */
  readonly latency: number;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly mtls: boolean;
}

const workload = (name: string, namespace: string, version: string, options: Partial<MockWorkload> = {}): MockWorkload => {
  const app = name.replace(/-v\d+$/, '');
  return { name, namespace, app, version, image: `docker.io/istio/examples-bookinfo-${name}:1.20.3`, meshed: true, ...options };
};

export const WORKLOADS: readonly MockWorkload[] = [
  workload('istio-ingressgateway', 'istio-system', 'latest', { image: 'lateen/proxy:0.1.0' }),
  workload('istio-egressgateway', 'istio-system', 'latest', { image: 'lateen/proxy:0.1.0' }),
  workload('istiod', 'istio-system', 'latest', { image: 'lateen/control:0.1.0', meshed: false }),
  workload('lateen-observe', 'istio-system', 'latest', { image: 'lateen/observe:0.1.0', meshed: false }),
  workload('lateen-console', 'istio-system', 'latest', { image: 'lateen/console:0.1.0', meshed: false }),
  workload('productpage-v1', 'default', 'v1'),
  workload('details-v1', 'default', 'v1'),
  workload('reviews-v1', 'default', 'v1'),
  workload('reviews-v2', 'default', 'v2'),
  workload('reviews-v3', 'default', 'v3'),
  workload('ratings-v1', 'default', 'v1'),
  workload('mongodb-v1', 'default', 'v1'),
  workload('checkout-v1', 'shop', 'v1', { image: 'example/checkout:1.4.0' }),
  workload('checkout-v2', 'shop', 'v2', { image: 'example/checkout:2.0.0-rc1' }),
  workload('payments-v1', 'shop', 'v1', { image: 'example/payments:3.1.0' }),
  workload('legacy-batch', 'legacy', 'latest', { image: 'example/batch:0.9', meshed: false }),
];

/** `from → service → to`. */
function call(path: string, rate: number, options: Partial<MockCall> = {}): MockCall {
  const [from = '', service = '', to = ''] = path.split(' → ');
  return { from, service, to, rate, namespace: 'default', codes: { 200: 1 }, latency: 8, protocol: 'http', mtls: true, ...options };
}

export const CALLS: readonly MockCall[] = [
  call('istio-ingressgateway → productpage → productpage-v1', 20, { latency: 31 }),
  call('istio-ingressgateway → checkout → checkout-v1', 5.4, { namespace: 'shop', latency: 42, codes: { 200: 0.97, 404: 0.03 } }),
  call('istio-ingressgateway → checkout → checkout-v2', 0.6, { namespace: 'shop', latency: 77, codes: { 200: 0.82, 500: 0.18 } }),
  call('productpage-v1 → details → details-v1', 20, { latency: 3 }),
  call('productpage-v1 → reviews → reviews-v1', 18, { latency: 6 }),
  call('productpage-v1 → reviews → reviews-v2', 2, { latency: 14, codes: { 200: 0.97, 503: 0.03 } }),
  call('reviews-v2 → ratings → ratings-v1', 2, { latency: 4 }),
  call('ratings-v1 → mongodb → mongodb-v1', 12, { protocol: 'tcp' }),
  call('checkout-v1 → payments → payments-v1', 5.4, { namespace: 'shop', latency: 18, protocol: 'grpc' }),
  call('checkout-v2 → payments → payments-v1', 0.6, { namespace: 'shop', latency: 19, protocol: 'grpc' }),
  call('unknown → details → details-v1', 0.8, { latency: 3, mtls: false }),
  call('checkout-v1 → PassthroughCluster → unknown', 0.4, { namespace: 'unknown', latency: 120 }),
];

export const findWorkload = (name: string): MockWorkload | undefined => WORKLOADS.find((it) => it.name === name);
