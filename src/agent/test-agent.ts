/** For tests: the agent and its Envoy as the gateway of a mesh. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { silentLog } from '../base/log.ts';
import { decodeSettings } from '../proxy/bootstrap/decode-settings.ts';
import { eventually } from '../testkit/eventually.ts';
import { deadPort } from '../testkit/loopback.ts';
import { createAgent } from './app.ts';
import { readEnvoyOptions } from './envoy-options.ts';
import type { TestControlPlane } from './test-control-plane.ts';

export const IDENTITY = 'spiffe://cluster.local/ns/istio-system/sa/gateway';

/** A gateway, and a service of the mesh behind it. */
export const meshOf = (gatewayPort: number, upstreamPort: number) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, namespace: istio-system}
spec: {template: {metadata: {labels: {istio: gateway, app: gateway}}, spec: {containers: []}}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web, namespace: default}
spec: {hosts: [web.mesh], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 127.0.0.1, ports: {http: ${upstreamPort}}, labels: {app: web, version: v7}}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec: {selector: {istio: gateway}, servers: [{port: {number: ${gatewayPort}, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: istio-system}
spec: {hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: web.mesh}}]}]}
`;

export async function startAgent(t: TestContext, control: Pick<TestControlPlane, 'port' | 'rootPem'>, dir: string) {
  writeFileSync(join(dir, 'token'), 'the-token');
  writeFileSync(join(dir, 'root.pem'), control.rootPem);
  const env = {
    ...process.env, POD_NAME: 'gateway-abc-0', POD_NAMESPACE: 'istio-system', INSTANCE_IP: '10.244.0.2', SERVICE_ACCOUNT: 'gateway', ISTIO_META_WORKLOAD_NAME: 'gateway',
    LATEEN_TOKEN_FILE: join(dir, 'token'), XDS_ROOT_CA: join(dir, 'root.pem'), LATEEN_DATA_DIR: join(dir, 'data'), ENVOY_STATUS_PORT: '0', ENVOY_PROMETHEUS_PORT: '0',
    PROXY_CONFIG: JSON.stringify({ proxyAdminPort: await deadPort(), statusPort: 0, concurrency: 1, discoveryAddress: `localhost:${control.port}`, terminationDrainDuration: '1s' }),
  };
  const argv = ['proxy', 'router', '--proxyLogLevel=error'];
  const settings = decodeSettings({ argv, env, labels: new Map([['app', 'gateway'], ['istio', 'gateway']]), annotations: new Map() });
  const agent = createAgent({ settings, envoy: readEnvoyOptions(argv, env, settings), log: silentLog, onQuit() {}, onGivenUp: () => assert.fail('Envoy does not stay up') });
  t.after(() => agent.close());
  await agent.start();
  const page = async (name: 'status' | 'readiness' | 'prometheus', path: string) => {
    const response = await fetch(`http://127.0.0.1:${agent.ports.get(name)}${path}`);
    return { status: response.status, body: await response.text() };
  };
  const ready = () => eventually(async () => assert.deepEqual(await page('readiness', '/healthz/ready'), { status: 200, body: '' }), { timeoutMs: 15_000, everyMs: 50 });
  return { agent, page, ready };
}

export function makeDirectory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'agent-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}
