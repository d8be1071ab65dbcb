/** A machine outside of the cluster joins the mesh by a WorkloadGroup: it registers, is called and calls with mutual TLS, falls ill and recovers
 * by its probe, and leaves. The machine is a network namespace of its own that the cluster's pods have a route to. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { eventually } from '../../src/testkit/eventually.ts';
import { ROOT, TestCluster, run } from './harness.ts';
import { waitForPods } from './steps/bookinfo.ts';

const ADDRESS = '10.250.0.2';
const ENTRY = `vms-${ADDRESS}`;
/** As pods have them: nobody owns the gateway, an entry of the neighbour table answers for it. */
const GATEWAY = { address: '169.254.1.1', mac: 'ee:ee:ee:ee:ee:ee' };
const PROGRAM = join(ROOT, 'node_modules/.bin/node');
const LONG = { timeoutMs: 60_000, everyMs: 200 };

const GROUP = `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: vms, namespace: default}
spec:
  metadata: {labels: {app: vm}}
  template: {serviceAccount: vm, ports: {http: 8080}}
  probe: {periodSeconds: 1, httpGet: {path: /status/204, port: 8080}}
`;
const MESH = `
${GROUP}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: vm}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: Service
metadata: {name: vms}
spec: {selector: {app: vm}, ports: [{name: http, port: 80, targetPort: 9999}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: shop}
spec: {hosts: [shop.example], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: {app: vm}}}
---
apiVersion: v1
kind: Service
metadata: {name: bin}
spec: {selector: {app: bin}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bin, labels: {app: bin}}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: app, image: mccutchen/go-httpbin, env: [{name: PORT, value: "8080"}], ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}, annotations: {proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true"}'}}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: curl, image: curlimages/curl, command: [sleep, infinity]}]}
`;

test('a machine joins the mesh, is called, falls ill, recovers and leaves', async (t) => {
  const cluster = new TestCluster('machines');
  t.after(() => cluster.close());
  await cluster.lateen('up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
  await cluster.lateen('install', '--set', 'profile=minimal', '--set', 'values.pilot.env.PILOT_WORKLOAD_ENTRY_GRACE_PERIOD=2s', '-y');
  await cluster.kubectl('label', 'namespace', 'default', 'istio-injection=enabled');
  await cluster.apply(MESH);
  await waitForPods(cluster, '2/2', []);
  const istiod = await cluster.kubectl('get', 'service', 'istiod', '-n', 'istio-system', '-o', 'jsonpath={.spec.clusterIP}');
  // The proxy's own user has to get there.
  const place = mkdtempSync(join(tmpdir(), 'lateen-machine-'));
  chmodSync(place, 0o755);
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const directory = join(place, 'vm');
  const file = join(cluster.directory, 'group.yaml');
  writeFileSync(file, GROUP);
  await cluster.lateen('x', 'workload', 'entry', 'configure', '-f', file, '-o', directory, '--autoregister', '--ingressIP', istiod);
  const machine = await startMachine(t, cluster, directory);
  let app = await machine.application();
  const proxy = machine.spawn([join(ROOT, 'bin/lateen-machine'), directory]);

  await t.test('it has an entry, whose health its probe has found out', async () => {
    await eventually(async () => assert.equal(await health(cluster), 'True'), LONG);
    await cluster.kubectl('wait', 'workloadgroup/vms', '--for=condition=Programmed', '--timeout=20s');
    await eventually(async () => assert.match(await cluster.kubectl('get', 'workloadgroup', 'vms', '-o', 'jsonpath={.status.conditions[?(@.type=="Programmed")].message}'), /1 registered now/), LONG);
  });
  await t.test('pods call it by a Service and by a ServiceEntry, with mutual TLS', async () => {
    for (const host of ['vms', 'shop.example']) await eventually(async () => assert.deepEqual(await called(cluster, host), { status: 200, host: 'vm-1', caller: 'default' }), LONG);
  });
  await t.test('it calls pods, with mutual TLS', async () => {
    await eventually(async () => {
      const { stdout } = await machine.run(['curl', '-s', '-m', '5', 'http://bin.default.svc.cluster.local/headers']);
      assert.match(stdout, /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/vm/);
    }, LONG);
  });
  await t.test('when its application is gone, it is called no longer', async () => {
    await end(app);
    await eventually(async () => assert.equal(await health(cluster), 'False'), LONG);
    assert.match(await cluster.kubectl('get', 'workloadentry', ENTRY, '-o', 'jsonpath={.status.conditions[?(@.type=="Healthy")].message}'), /ECONNREFUSED|ECONNRESET|hang up/, 'in the words of the probe');
    await eventually(async () => assert.deepEqual(await called(cluster, 'vms'), { status: 503, host: '', caller: undefined }), LONG);
  });
  await t.test('and is called again when it is back', async () => {
    app = await machine.application();
    for (const host of ['vms', 'shop.example']) await eventually(async () => assert.equal((await called(cluster, host)).status, 200), LONG);
  });
  await t.test('when it leaves, its entry goes', async () => {
    await end(proxy);
    await eventually(async () => assert.equal((await cluster.tryKubectl(['get', 'workloadentry', ENTRY])).code, 1), LONG);
    assert.equal((await called(cluster, 'vms')).status, 503);
    const { stdout } = await machine.run(['nft', 'list', 'ruleset']);
    assert.doesNotMatch(stdout, /15001/, 'nothing is captured any more');
  });
  await t.test('with an Envoy it is the same', async () => {
    const envoy = machine.spawn([join(ROOT, 'bin/lateen-machine'), directory, '--envoy']);
    for (const host of ['vms', 'shop.example']) await eventually(async () => assert.deepEqual(await called(cluster, host), { status: 200, host: 'vm-1', caller: 'default' }), LONG);
    await end(app);
    await eventually(async () => assert.equal(await health(cluster), 'False'), LONG);
    await end(envoy);
  });
});

const health = (cluster: TestCluster): Promise<string> => cluster.kubectl('get', 'workloadentry', ENTRY, '-o', 'jsonpath={.status.conditions[?(@.type=="Healthy")].status}');

/** What a pod's call came to, and what the server saw of it. */
async function called(cluster: TestCluster, host: string): Promise<{ status: number; host: string; caller: string | undefined }> {
  const { stdout } = await cluster.exec('client', ['sh', '-c', `curl -s -m 5 http://${host}/headers; echo; curl -s -m 5 -w '\\n%{http_code}' http://${host}/hostname`], 'curl');
  const status = Number(stdout.slice(stdout.lastIndexOf('\n') + 1));
  return { status, host: /"hostname":\s*"([^"]+)"/.exec(stdout)?.[1] ?? '', caller: /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/(\w+)/.exec(stdout)?.[1] };
}

interface Machine {
  /** In the machine's namespaces. */
  spawn(command: readonly string[], env?: Record<string, string>): ChildProcess;
  run(command: readonly string[]): ReturnType<typeof run>;
  /** The application, when it answers. */
  application(): Promise<ChildProcess>;
}

async function startMachine(t: TestContext, cluster: TestCluster, directory: string): Promise<Machine> {
  const node = await cluster.nodePid();
  const holder = spawn('unshare', ['--net', '--mount', 'sleep', 'infinity'], { stdio: 'ignore' });
  await once(holder, 'spawn');
  const pid = holder.pid ?? assert.fail('there is no machine');
  const running = new Set<ChildProcess>([holder]);
  t.after(async () => {
    for (const child of [...running].reverse()) await end(child, 'SIGKILL');
  });
  // Not before it has namespaces of its own.
  await eventually(() => assert.notEqual(execFileSync('readlink', [`/proc/${pid}/ns/net`], { encoding: 'utf8' }), execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' })));
  const inside = ['nsenter', '--net', '--mount', '--target', String(pid), '--'] as const;
  const batch = (enter: readonly string[], lines: readonly string[]) => execFileSync(enter[0] ?? '', [...enter.slice(1), 'ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
  batch(['nsenter', '--net', '--target', String(node), '--'], [`link add vm0 address ${GATEWAY.mac} type veth peer name eth0 netns ${pid}`, 'link set vm0 up', `route add ${ADDRESS} dev vm0`]);
  batch(inside, ['link set lo up', `addr add ${ADDRESS}/32 dev eth0`, 'link set eth0 up', `route add ${GATEWAY.address} dev eth0 scope link`, `neigh add ${GATEWAY.address} dev eth0 lladdr ${GATEWAY.mac} nud permanent`, `route add default via ${GATEWAY.address} dev eth0`]);
  const files = join(cluster.directory, 'machine-etc');
  mkdirSync(files);
  writeFileSync(join(files, 'hosts'), `127.0.0.1 localhost\n${readFileSync(join(directory, 'hosts'), 'utf8')}`);
  writeFileSync(join(files, 'resolv.conf'), 'nameserver 10.96.0.10\n');
  for (const name of ['hosts', 'resolv.conf']) execFileSync(inside[0], [...inside.slice(1), 'mount', '--bind', join(files, name), `/etc/${name}`]);
  const start: Machine['spawn'] = (command, env = {}) => {
    const child = spawn(inside[0], [...inside.slice(1), ...command], { env: { ...process.env, POD_NAME: 'vm-1', ...env }, stdio: ['ignore', 'inherit', 'inherit'] });
    running.add(child);
    return child;
  };
  const inMachine: Machine['run'] = (command) => run(inside[0], [...inside.slice(1), ...command]);
  return {
    spawn: start,
    run: inMachine,
    async application() {
      const child = start([PROGRAM, join(ROOT, 'dist/apps/httpbin.js')], { PORT: '8080', HOSTNAME: 'vm-1' });
      await eventually(async () => assert.equal((await inMachine(['curl', '-s', '-o', '/dev/null', 'http://127.0.0.1:8080/status/204'])).code, 0), LONG);
      return child;
    },
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}
