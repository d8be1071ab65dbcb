/** The agent with a real Envoy, against the real control plane's discovery. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createPeerCodec } from '../proxy/telemetry/peer-codec.ts';
import { eventually } from '../testkit/eventually.ts';
import { deadPort, httpUpstream } from '../testkit/loopback.ts';
import { IDENTITY, makeDirectory, meshOf, startAgent } from './test-agent.ts';
import { startTestControlPlane, testAuthority } from './test-control-plane.ts';

const skip = process.env['LATEEN_ENVOY'] ? false : 'no envoy binary: set LATEEN_ENVOY';

/** A server that says who it is as a sidecar would, and a service of the mesh that it is. */
async function startUpstream(t: TestContext) {
  const seen: IncomingHttpHeaders[] = [];
  const labels = new Map([['app', 'web'], ['version', 'v7']]);
  const facts = { name: 'web-1', namespace: 'default', workload: 'web-v7', serviceAccount: 'web', labels, annotations: new Map<string, string>(), app: 'web', version: 'v7', canonicalName: 'web', canonicalRevision: 'v7', clusterId: 'Kubernetes', meshId: 'm' };
  const codec = createPeerCodec(facts, 'sidecar~web');
  const port = await httpUpstream(t, (request, response) => {
    seen.push(request.headers);
    response.setHeader('x-envoy-peer-metadata', codec.ownValue).setHeader('x-envoy-peer-metadata-id', codec.ownId);
    setTimeout(() => response.end(`you asked for ${request.url}`), request.url === '/slow' ? 700 : 0);
  });
  return { port, seen };
}

const callGateway = async (port: number, path: string) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, body: await response.text(), headers: response.headers };
};

test('Envoy gets identity and configuration, serves, is counted under Istio’s names, and goes on without the control plane, also after a fall', { skip }, async (t) => {
  const upstream = await startUpstream(t);
  const gatewayPort = await deadPort();
  const ca = testAuthority();
  const mesh = meshOf(gatewayPort, upstream.port);
  const control = await startTestControlPlane({ mesh, identity: IDENTITY, ca });
  t.after(() => control.stop());
  const dir = makeDirectory(t);
  const { agent, page, ready } = await startAgent(t, control, dir);
  await ready();
  assert.deepEqual(control.tokens, ['Bearer the-token']);
  assert.deepEqual(control.discovery.connections().map((c) => c.proxy.id.split('~')[2]), ['gateway-abc-0.istio-system']);

  const first = await callGateway(gatewayPort, '/a');
  assert.deepEqual([first.status, first.body, first.headers.get('x-envoy-peer-metadata'), first.headers.get('x-envoy-peer-metadata-id')], [200, 'you asked for /a', null, null]);
  assert.match(String(upstream.seen[0]?.['x-envoy-peer-metadata-id']), /^router~10.244.0.2~gateway-abc-0/);
  const said = createPeerCodec({ name: '', namespace: '', workload: '', serviceAccount: '', labels: new Map(), annotations: new Map(), app: '', version: '', canonicalName: '', canonicalRevision: '', clusterId: '', meshId: '' }, '').decode(String(upstream.seen[0]?.['x-envoy-peer-metadata']), undefined);
  assert.deepEqual([said?.workload, said?.namespace, said?.app], ['gateway', 'istio-system', 'gateway']);

  await eventually(async () => {
    const { body } = await page('prometheus', '/stats/prometheus');
    const line = body.split('\n').find((l) => l.startsWith('istio_requests_total{')) ?? assert.fail('no requests are counted');
    for (const label of ['reporter="source"', 'source_workload="gateway"', 'destination_workload="web-v7"', 'destination_app="web"', 'destination_version="v7"', 'destination_service="web.mesh"', 'response_code="200"', 'response_flags="-"']) assert.ok(line.includes(label), `${label} in ${line}`);
    assert.match(body, /^istio_request_duration_milliseconds_bucket\{/m);
    assert.match(body, /^envoy_server_live\S* 1$/m);
  }, { timeoutMs: 5000, everyMs: 50 });

  const kept = join(dir, 'data/last-good.bin');
  control.stop();
  await eventually(() => assert.equal(control.discovery.connections().length, 0));
  assert.equal((await callGateway(gatewayPort, '/b')).status, 200);
  assert.ok(agent.envoyPid);
  process.kill(agent.envoyPid, 'SIGKILL');
  await eventually(async () => assert.equal((await callGateway(gatewayPort, '/c')).status, 200), { timeoutMs: 15_000, everyMs: 50 });
  await ready();

  const back = await startTestControlPlane({ mesh, identity: IDENTITY, ca, port: control.port });
  t.after(() => back.stop());
  await eventually(() => assert.deepEqual(back.discovery.connections().map((c) => c.status().filter((s) => s.waiting || s.error !== undefined)), [[]]), { timeoutMs: 15_000 });
  assert.equal((await callGateway(gatewayPort, '/d')).status, 200);
  await agent.close();
  assert.doesNotMatch(readFileSync(kept, 'latin1'), /PRIVATE KEY/);
});

test('draining lets the request under way finish, takes callers that come late, and then ends', { skip }, async (t) => {
  const upstream = await startUpstream(t);
  const gatewayPort = await deadPort();
  const control = await startTestControlPlane({ mesh: meshOf(gatewayPort, upstream.port), identity: IDENTITY });
  t.after(() => control.stop());
  const { agent, page, ready } = await startAgent(t, control, makeDirectory(t));
  await ready();
  await callGateway(gatewayPort, '/');
  const slow = callGateway(gatewayPort, '/slow');
  await eventually(() => assert.equal(upstream.seen.length, 2));
  const drained = agent.drain();
  assert.deepEqual(await page('readiness', '/healthz/ready'), { status: 503, body: 'the proxy is draining\n' });
  await eventually(async () => assert.equal((await callGateway(gatewayPort, '/late')).headers.get('connection'), 'close'));
  assert.equal((await slow).body, 'you asked for /slow');
  await drained;
  await agent.close();
  await assert.rejects(callGateway(gatewayPort, '/after'));
});
