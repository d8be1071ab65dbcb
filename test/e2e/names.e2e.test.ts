/** By which names and addresses workloads call each other, and what of their traffic the mesh captures: on a cluster, as people do it. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { TestCluster } from './harness.ts';
import { waitForPods } from './steps/bookinfo.ts';

/** The sidecar answers the workload's DNS queries. */
const CAPTURES_NAMES = { 'proxy.istio.io/config': 'proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true"}' };
const traffic = (name: string) => `traffic.sidecar.istio.io/${name}`;

const httpbin = (name: string, port: number) => ({ name, image: 'mccutchen/go-httpbin', env: [{ name: 'PORT', value: String(port) }, { name: 'HOSTNAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }], ports: [{ containerPort: port }] });
const pod = (name: string, container: object, { labels = {}, annotations = {} }: { labels?: object; annotations?: object } = {}) =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name, ...labels }, annotations }, spec: { terminationGracePeriodSeconds: 0, containers: [container] } });
const client = (name: string, annotations: object, labels: object = {}) => pod(name, { name: 'curl', image: 'curlimages/curl', command: ['sleep', 'infinity'] }, { annotations, labels });
const service = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
const http = (port: number, targetPort: number) => [{ name: 'http', port, targetPort }];

/** `VIP` and other addresses are put in when they are known. */
const SERVERS = [
  pod('bin', httpbin('app', 8080)),
  service('bin', { selector: { app: 'bin' }, ports: http(80, 8080) }),
  service('alias', { type: 'ExternalName', externalName: 'bin.default.svc.cluster.local', ports: http(80, 80) }),
  { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'set' }, spec: { serviceName: 'set', replicas: 2, podManagementPolicy: 'Parallel', selector: { matchLabels: { app: 'set' } }, template: { metadata: { labels: { app: 'set' } }, spec: { terminationGracePeriodSeconds: 0, containers: [httpbin('app', 8080)] } } } },
  service('set', { clusterIP: 'None', selector: { app: 'set' }, ports: http(8080, 8080) }),
  pod('open', httpbin('app', 8080), { annotations: { [traffic('excludeInboundPorts')]: '8080' } }),
  pod('other', httpbin('app', 8080), { annotations: { [traffic('includeInboundPorts')]: '9999' } }),
  pod('named', httpbin('app', 8080), { annotations: { [traffic('includeInboundPorts')]: '8080' } }),
  client('client', CAPTURES_NAMES),
  client('asks-itself', {}),
  client('without-port', { [traffic('excludeOutboundPorts')]: '80' }),
  client('out', {}, { 'sidecar.istio.io/inject': 'false' }),
];

interface Seen {
  readonly code: number;
  readonly host: string;
  /** Of a request that came by mutual TLS. */
  readonly caller: string | undefined;
  /** A proxy had it in its hands. */
  readonly isProxied: boolean;
}

test('names, addresses and what is captured', async (t) => {
  const cluster = new TestCluster('names');
  t.after(() => cluster.close());
  await cluster.lateen('up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
  await cluster.lateen('install', '--set', 'profile=minimal', '-y');
  await cluster.kubectl('label', 'namespace', 'default', 'istio-injection=enabled');
  await cluster.apply(yaml(SERVERS));
  await waitForPods(cluster, '2/2', ['-l', 'app!=out']);
  const address = await addresses(cluster);
  const bin = address('bin');
  const vip = await cluster.kubectl('get', 'service', 'bin', '-o', 'jsonpath={.spec.clusterIP}');
  await cluster.apply(yaml([
    { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'vip' }, spec: { hosts: ['shop.example'], location: 'MESH_INTERNAL', resolution: 'STATIC', ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 8080 }], endpoints: [{ address: bin, labels: { 'security.istio.io/tlsMode': 'istio' } }] } },
    client('without-range', { ...CAPTURES_NAMES, [traffic('excludeOutboundIPRanges')]: `${vip}/32` }),
    client('only-range', { [traffic('includeOutboundIPRanges')]: '10.222.0.0/16' }),
    client('only-port', { [traffic('includeOutboundIPRanges')]: '', [traffic('includeOutboundPorts')]: '80' }),
  ]));
  await cluster.lateen('wait', '--for=distribution', 'serviceentry', 'vip.default');
  await waitForPods(cluster, '2/2', ['-l', 'app!=out']);
  await byName(t, cluster);
  await byAddress(t, cluster, { address, vip });
  await captured(t, cluster, { address, vip });
});

const yaml = (objects: readonly object[]): string => objects.map((object) => JSON.stringify(object)).join('\n---\n');

async function addresses(cluster: TestCluster): Promise<(pod: string) => string> {
  const { items } = await cluster.getJson<{ items: { metadata: { name: string }; status: { podIP?: string } }[] }>('pods');
  const all = new Map(items.map(({ metadata, status }) => [metadata.name, status.podIP ?? '']));
  return (name) => all.get(name) ?? assert.fail(`there is no pod ${name}`);
}

/** What a server saw of a call. */
async function call(cluster: TestCluster, from: string, url: string, container = 'curl'): Promise<Seen> {
  const script = `fetch(${JSON.stringify(`${url}/headers`)}).then(async (r) => { const { headers } = await r.json(); const h = await (await fetch(${JSON.stringify(`${url}/hostname`)})).json(); console.log(JSON.stringify([r.status, headers, h.hostname])); })`;
  const command = container === 'curl' ? ['sh', '-c', `curl -s -m 5 ${url}/headers && echo && curl -s -m 5 ${url}/hostname`] : ['node', '-e', script];
  const { code, stdout } = await cluster.exec(from, command, container);
  if (code !== 0) return { code, host: '', caller: undefined, isProxied: false };
  const [headers, host] = container === 'curl' ? curlAnswer(stdout) : scriptAnswer(stdout);
  const all = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value].flat().join()]));
  return { code, host, caller: /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/(\w+)/.exec(all.get('x-forwarded-client-cert') ?? '')?.[1], isProxied: all.has('x-request-id') };
}

function curlAnswer(stdout: string): [headers: Record<string, string | string[]>, host: string] {
  const end = stdout.lastIndexOf('{');
  return [(JSON.parse(stdout.slice(0, end)) as { headers: Record<string, string> }).headers, (JSON.parse(stdout.slice(end)) as { hostname: string }).hostname];
}

function scriptAnswer(stdout: string): [headers: Record<string, string | string[]>, host: string] {
  const [, headers, host] = JSON.parse(stdout) as [number, Record<string, string>, string];
  return [headers, host];
}

async function byName(t: TestContext, cluster: TestCluster): Promise<void> {
  const mutual = { code: 0, caller: 'default', isProxied: true };
  await t.test('a Service by its short and by its full name', async () => {
    for (const host of ['bin', 'bin.default', 'bin.default.svc.cluster.local']) assert.deepEqual(await call(cluster, 'client', `http://${host}`), { ...mutual, host: 'bin' });
  });
  await t.test('a ServiceEntry’s name, which only the mesh knows, has an address where queries are captured', async () => {
    assert.deepEqual(await call(cluster, 'client', 'http://shop.example'), { ...mutual, host: 'bin' });
    assert.equal((await cluster.exec('client', ['curl', '-s', '-o', '/dev/null', '-w', '%{remote_ip}', 'http://shop.example/headers'], 'curl')).stdout.startsWith('240.240.'), true);
    assert.equal((await call(cluster, 'asks-itself', 'http://shop.example')).code, 6, 'curl: could not resolve host');
  });
  await t.test('pods of a StatefulSet by names of their own, and all of them by the headless service’s', async () => {
    for (const name of ['set-0', 'set-1']) {
      for (const from of ['client', 'asks-itself']) assert.deepEqual(await call(cluster, from, `http://${name}.set:8080`), { ...mutual, host: name }, `${from} → ${name}`);
    }
    assert.match((await call(cluster, 'client', 'http://set:8080')).host, /^set-[01]$/);
  });
  await t.test('an ExternalName leads to the service of the mesh that it names, with its mutual TLS', async () => {
    assert.deepEqual(await call(cluster, 'client', 'http://alias'), { ...mutual, host: 'bin' });
  });
}

interface Places {
  readonly address: (pod: string) => string;
  readonly vip: string;
}

async function byAddress(t: TestContext, cluster: TestCluster, { address, vip }: Places): Promise<void> {
  await t.test('a pod by its address is called as it is; its own proxy has the request all the same', async () => {
    assert.deepEqual(await call(cluster, 'client', `http://${address('bin')}:8080`), { code: 0, host: 'bin', caller: undefined, isProxied: true });
  });
  await t.test('a service by its address', async () => {
    assert.deepEqual(await call(cluster, 'client', `http://${vip}`), { code: 0, host: 'bin', caller: 'default', isProxied: true });
  });
  await t.test('a workload calls itself: by its service, by its own address, and on its loopback without the proxy', async () => {
    // Its name alone is the pod's own: /etc/hosts.
    assert.deepEqual(await call(cluster, 'bin', 'http://bin.default', 'app'), { code: 0, host: 'bin', caller: 'default', isProxied: true });
    assert.equal((await call(cluster, 'bin', `http://${address('bin')}:8080`, 'app')).host, 'bin');
    assert.deepEqual(await call(cluster, 'bin', 'http://127.0.0.1:8080', 'app'), { code: 0, host: 'bin', caller: undefined, isProxied: false });
  });
}

async function captured(t: TestContext, cluster: TestCluster, { address, vip }: Places): Promise<void> {
  const past = { code: 0, host: 'bin', caller: undefined, isProxied: true };
  const through = { ...past, caller: 'default' };
  for (const [name, url, want] of [
    ['without-port', 'http://bin', past],
    ['without-port', `http://${address('set-0')}:8080`, { ...past, host: 'set-0', caller: 'default' }],
    ['without-range', `http://${vip}`, past],
    ['without-range', 'http://shop.example', through],
    ['only-range', 'http://bin', past],
    ['only-port', 'http://bin', through],
    ['only-port', `http://${address('set-0')}:8080`, { ...past, host: 'set-0' }],
  ] as const) {
    await t.test(`what ${name} sends to ${new URL(url).hostname === vip ? 'the service’s address' : url.replace(address('set-0'), 'a pod')} goes ${want.caller === undefined ? 'past' : 'through'} its proxy`, async () => {
      assert.deepEqual(await call(cluster, name, url), want);
    });
  }
  for (const [name, isProxied] of [['bin', true], ['open', false], ['other', false], ['named', true]] as const) {
    await t.test(`what comes to ${name} goes ${isProxied ? 'through' : 'past'} its proxy`, async () => {
      assert.deepEqual(await call(cluster, 'out', `http://${address(name)}:8080`), { code: 0, host: name, caller: undefined, isProxied });
    });
  }
}
