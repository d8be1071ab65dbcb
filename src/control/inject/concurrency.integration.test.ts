/** From the object in the cluster to the threads of the proxy that is started as the pod says. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { defaultMeshConfig } from '../../api/mesh-config.ts';
import { defaultInjectConfig, type InjectConfig } from '../../api/proxy-pod/config.ts';
import { PROXY_NAME } from '../../api/proxy-pod/proxy-container.ts';
import type { ProxyConfigObject, ProxyConfigSpec } from '../../api/proxy-config.ts';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { eventually } from '../../testkit/eventually.ts';
import { call, deadPort } from '../../testkit/loopback.ts';
import { injectPod } from './inject-pod.ts';

const object = (namespace: string, spec: string): ProxyConfigObject => ({ metadata: { name: 'x', namespace }, spec: parse(spec) as ProxyConfigSpec });
const mesh = (concurrency: number) => ({ ...defaultMeshConfig('istio-system'), defaultConfig: { ...defaultMeshConfig('istio-system').defaultConfig, concurrency } });
const pod = (annotations: Record<string, string> = {}): Pod => ({ metadata: { name: 'web-1', labels: { app: 'web' }, annotations }, spec: { containers: [{ name: 'web', image: 'web' }] } });

const CASES: readonly (readonly [why: string, pod: Pod, config: Partial<InjectConfig>, threads: number])[] = [
  ['one when nobody says anything', pod(), {}, 1],
  ['as many as the mesh says', pod(), { mesh: mesh(2) }, 2],
  ['as many as an object for the workload says, over the mesh', pod(), { mesh: mesh(4), proxyConfigs: [object('istio-system', '{concurrency: 5}'), object('default', '{selector: {matchLabels: {app: web}}, concurrency: 3}')] }, 3],
  ['as many as the pod says, over everybody', pod({ 'proxy.istio.io/config': 'concurrency: 2' }), { proxyConfigs: [object('default', '{concurrency: 3}')] }, 2],
];

/** What the pod gives its proxy, with ports that are free here. */
function environment(injected: Pod, more: Record<string, string>, ports: Record<string, number>): { env: Record<string, string>; args: readonly string[] } {
  const containers = [...(injected.spec?.containers ?? []), ...(injected.spec?.initContainers ?? [])];
  const proxy = containers.find(({ name }) => name === PROXY_NAME) ?? assert.fail('there is no proxy in the pod');
  const env = Object.fromEntries((proxy.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
  const config = { ...(JSON.parse(env['PROXY_CONFIG'] ?? '{}') as Record<string, unknown>), ...ports, discoveryAddress: '127.0.0.1:1' };
  return { env: { ...env, PATH: process.env['PATH'] ?? '', ...more, PROXY_CONFIG: JSON.stringify(config) }, args: proxy.args ?? [] };
}

async function threadsOf(t: TestContext, injected: Pod): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'concurrency-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const admin = await deadPort();
  const { env, args } = environment(injected, { POD_NAME: 'web-1', POD_NAMESPACE: 'default', INSTANCE_IP: '127.0.0.1', LATEEN_DATA_DIR: dir, ENVOY_STATUS_PORT: '0', ENVOY_PROMETHEUS_PORT: '0' }, { proxyAdminPort: admin, statusPort: 0 });
  const child = spawn(process.execPath, ['--max-semi-space-size=1', '--v8-pool-size=1', 'dist/proxy.cjs', ...args], { env, stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const { body } = await eventually(() => call(admin, { path: '/server_info' }), { timeoutMs: 30_000, everyMs: 50 });
  return (JSON.parse(body) as { command_line_options: { concurrency: number } }).command_line_options.concurrency;
}

for (const [why, given, config, threads] of CASES) {
  test(`threads of our own proxy: ${why}`, async (t) => {
    const { pod: injected } = injectPod(given, 'default', defaultInjectConfig(config));
    assert.equal(await threadsOf(t, injected), threads);
  });
}
