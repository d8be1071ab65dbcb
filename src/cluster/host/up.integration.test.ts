/** Whole clusters on this machine. Needs root, as `lateen up` does. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { createHttpClient } from '../../kube/http-client.ts';
import { loadKubeconfig } from '../../kube/kubeconfig.ts';
import { ConfigMaps, Nodes, Pods, Services } from '../../kube/resource.ts';
import type { KubeClient } from '../../kube/client.ts';
import { eventually } from '../../testkit/eventually.ts';
import { childrenOf } from '../node/processes.ts';
import { processStart } from './cluster-info.ts';
import type { ClusterInfo } from './cluster-info.ts';
import { findProblems, thisMachine } from './preflight.ts';
import { down, status, up } from './up.ts';

const [problem] = findProblems(thisMachine());
const skip = problem ?? false;

/** An HTTP server that tells its name and its client, and can be told to fail. */
const WEB = `
const { createServer } = require('node:http');
let broken = false;
createServer((request, response) => {
  if (request.url === '/break') broken = true;
  response.statusCode = broken && request.url === '/health' ? 500 : 200;
  response.end(JSON.stringify({ host: require('node:os').hostname(), client: request.socket.remoteAddress, uid: process.getuid() }));
}).listen(8080);
process.on('SIGTERM', () => process.exit(0));
`;

let folder = '';
let images = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-up-'));
  process.env['XDG_STATE_HOME'] = join(folder, 'state');
  images = join(folder, 'images.yaml');
  writeFileSync(join(folder, 'web.cjs'), WEB);
  writeFileSync(images, `
images:
- {name: test/web, entrypoint: [node, /app/web.cjs], mounts: [{host: web.cjs, path: /app/web.cjs}]}
- {name: test/shell, entrypoint: [/bin/sh, -c]}
`);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const start = (name: string): Promise<ClusterInfo> => up({ name, images: [images], kubeconfig: join(folder, 'kubeconfig'), ports: { api: 0 } });
const clientOf = (info: ClusterInfo): KubeClient => createHttpClient(loadKubeconfig({ path: info.kubeconfig, context: info.context }));

/** What a cluster could leave on the machine. */
const traces = () => ['ip -o link', 'ip netns', 'ip route', 'nft list ruleset', 'cat /proc/mounts'].map((command) => execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8' }));

function descendants(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(descendants)];
}

const refuses = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1', () => {
    socket.destroy();
    resolve(false);
  });
  socket.once('error', () => resolve(true));
});

const fetchText = (port: number, path = '/'): Promise<string> => new Promise((resolve, reject) => {
  get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => (text += chunk.toString()));
    response.on('end', () => resolve(text));
  }).on('error', reject);
});

const web = (name: string, more: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name, labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'example.com/test/web:1', readinessProbe: { httpGet: { path: '/health', port: 8080 }, periodSeconds: 1 }, livenessProbe: { httpGet: { path: '/health', port: 8080 }, periodSeconds: 1, failureThreshold: 1 } }], ...more },
});

/** Runs a script to its end in a pod and gives what it wrote to the termination log. */
async function runScript(client: KubeClient, name: string, script: string, more: Partial<Pod['spec']> = {}): Promise<string> {
  const container = { name: 'script', image: 'test/shell', args: [`{ ${script}\n} >/dev/termination-log 2>&1`] };
  await client.create(Pods, { metadata: { name }, spec: { restartPolicy: 'Never', containers: [{ ...container, volumeMounts: more.volumes?.map((v) => ({ name: v.name, mountPath: `/mnt/${v.name}` })) }], ...more } }, { namespace: 'default' });
  return eventually(async () => {
    const pod = await client.get(Pods, { namespace: 'default', name });
    assert.match(pod.status?.phase ?? '', /Succeeded|Failed/);
    return pod.status?.containerStatuses?.[0]?.state?.terminated?.message ?? '';
  }, { timeoutMs: 20_000 });
}

const readyPod = (client: KubeClient, name: string) => eventually(async () => {
  const pod = await client.get(Pods, { namespace: 'default', name });
  assert.equal(pod.status?.conditions?.find((c) => c.type === 'Ready')?.status, 'True');
  return pod;
}, { timeoutMs: 20_000 });

test('a cluster runs pods that find each other by name, publishes a service, and leaves nothing behind', { skip, timeout: 120_000 }, async (t) => {
  const clean = traces();
  const info = await start('one');
  t.after(() => down('one'));
  const client = clientOf(info);
  assert.equal((await client.list(Nodes)).items[0]?.metadata.name, 'lateen');
  await client.create(ConfigMaps, { metadata: { name: 'settings' }, data: { colour: 'blue' } }, { namespace: 'default' });
  await client.create(Services, { metadata: { name: 'web' }, spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } }, { namespace: 'default' });
  for (const name of ['web-1', 'web-2']) await client.create(Pods, web(name), { namespace: 'default' });
  const pods = await Promise.all(['web-1', 'web-2'].map((name) => readyPod(client, name)));

  await t.test('a service spreads connections over its pods, by name, and the pod sees the caller’s own address', async () => {
    const answers = await runScript(client, 'caller', 'hostname -I; for i in $(seq 1 24); do curl -sm5 http://web/; echo; done');
    const [own = '', ...calls] = answers.split('\n').map((line) => line.trim()).filter((line) => line !== '');
    const parsed = calls.map((line) => JSON.parse(line) as { host: string; client: string });
    assert.deepEqual([...new Set(parsed.map((a) => a.host))].sort(), ['web-1', 'web-2']);
    assert.deepEqual([...new Set(parsed.map((a) => a.client))], [`::ffff:${own}`]);
  });

  await t.test('DNS knows services and their ports, and says at once what does not exist', async () => {
    const out = await runScript(client, 'dns', 'getent hosts web.default.svc.cluster.local; getent hosts kubernetes.default; getent hosts nobody || echo no; getent hosts www.example.org || echo no');
    const service = await client.get(Services, { namespace: 'default', name: 'web' });
    assert.deepEqual(out.trim().split('\n').map((line) => line.split(/\s+/)[0]), [service.spec?.clusterIP, '10.96.0.1', 'no', 'no']);
  });

  await t.test('a service without endpoints, and a port it does not have, refuse at once', async () => {
    await client.create(Services, { metadata: { name: 'nobody' }, spec: { selector: { app: 'nobody' }, ports: [{ port: 80 }] } }, { namespace: 'default' });
    const out = await runScript(client, 'refused', 'curl -sm5 http://nobody/; echo $?; curl -sm5 http://web:81/; echo $?');
    assert.deepEqual(out.trim().split('\n'), ['7', '7']);
  });

  await t.test('a pod reaches itself through its service', async () => {
    await client.create(Services, { metadata: { name: 'mirror' }, spec: { selector: { app: 'self' }, ports: [{ port: 80, targetPort: 8080 }] } }, { namespace: 'default' });
    const spec = { containers: [
      { name: 'script', image: 'test/shell', args: ['while ! curl -sfm2 http://mirror/ >/dev/termination-log; do sleep 0.1; done; sleep 0.1'] },
      { name: 'web', image: 'test/web' },
    ], restartPolicy: 'Never' };
    await client.create(Pods, { metadata: { name: 'self', labels: { app: 'self' } }, spec }, { namespace: 'default' });
    await eventually(async () => {
      const { status: podStatus } = await client.get(Pods, { namespace: 'default', name: 'self' });
      const script = podStatus?.containerStatuses?.find((c) => c.name === 'script');
      assert.match(script?.state?.terminated?.message ?? '', /"host":"self"/);
    }, { timeoutMs: 20_000 });
  });

  await t.test('volumes, identity and privileges are the pod’s own; the machine’s files are out of reach', async () => {
    const out = await runScript(client, 'inside', [
      'cat /mnt/settings/colour; echo', 'id -u', 'ls /root 2>&1', 'touch /usr/bin/x 2>&1', 'grep CapEff /proc/self/status', 'ps ax | wc -l',
      `curl -sm5 --cacert /var/run/secrets/kubernetes.io/serviceaccount/ca.crt -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" https://kubernetes.default/api`,
    ].join('\n'), { volumes: [{ name: 'settings', configMap: { name: 'settings' } }], securityContext: { runAsUser: 1000 } });
    const lines = out.trim().split('\n');
    assert.deepEqual(lines.slice(0, 2), ['blue', '1000']);
    assert.match(lines[2] ?? '', /Permission denied/);
    assert.match(lines[3] ?? '', /Read-only file system|Permission denied/);
    assert.equal(lines[4], 'CapEff:\t0000000000000000');
    assert.ok(Number(lines[5]) < 8, 'only its own processes are seen');
    assert.equal(lines[6], '200');
  });

  await t.test('a service of type LoadBalancer is reached from the machine, and its status says where', async () => {
    const hostPort = await eventually(() => {
      const found = status('one')?.published.find((p) => p.name === 'web')?.hostPort;
      assert.ok(found);
      return found;
    });
    assert.match(await fetchText(hostPort), /"host":"web-[12]"/);
    await eventually(async () => {
      const { status: state } = await client.get(Services, { namespace: 'default', name: 'web' });
      assert.equal(state?.loadBalancer?.ingress?.[0]?.ip, '127.0.0.1');
    });
  });

  await t.test('a container that fails its liveness probe is started again', async () => {
    await runScript(client, 'breaker', `curl -sm5 http://${pods[0]?.status?.podIP}:8080/break`);
    await eventually(async () => {
      const { status: podStatus } = await client.get(Pods, { namespace: 'default', name: 'web-1' });
      assert.equal(podStatus?.containerStatuses?.[0]?.restartCount, 1);
      assert.equal(podStatus?.containerStatuses?.[0]?.ready, true);
    }, { timeoutMs: 20_000 });
  });

  await t.test('a deleted pod is gone', async () => {
    await client.delete(Pods, { namespace: 'default', name: 'web-2' });
    await eventually(async () => assert.rejects(client.get(Pods, { namespace: 'default', name: 'web-2' })), { timeoutMs: 10_000 });
  });

  const inside = descendants(info.pid);
  assert.ok(inside.length > 5);
  assert.equal(await down('one'), true);
  assert.deepEqual(inside.filter((pid) => processStart(pid) !== ''), []);
  assert.equal(await refuses(Number(new URL(info.server).port)), true);
  assert.deepEqual(traces(), clean);
  assert.equal(status('one'), undefined);
  assert.doesNotMatch(readFileSync(info.kubeconfig, 'utf8'), /lateen-one/);
});

test('two clusters run side by side, and one whose supervisor is killed leaves nothing while the other goes on', { skip, timeout: 120_000 }, async (t) => {
  const clean = traces();
  const [left, right] = [await start('left'), await start('right')];
  t.after(() => down('left'));
  t.after(() => down('right'));
  await assert.rejects(start('left'), { name: 'ClusterExistsError' });
  for (const info of [left, right]) {
    const client = clientOf(info);
    await client.create(Pods, web('web'), { namespace: 'default' });
    await readyPod(client, 'web');
  }
  const inside = descendants(left.pid);
  process.kill(left.pid, 'SIGKILL');
  await eventually(() => assert.deepEqual(inside.filter((pid) => processStart(pid) !== ''), []));
  assert.equal(await refuses(Number(new URL(left.server).port)), true);
  assert.equal(status('left')?.running, false);
  assert.deepEqual(traces(), clean);
  await readyPod(clientOf(right), 'web');
  // Its name can be used again at once.
  const again = await start('left');
  assert.equal((await clientOf(again).list(Pods, { namespace: 'default' })).items.length, 0);
});
