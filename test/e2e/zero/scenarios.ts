/** What is done to the mesh under load; each leaves it as it found it. */
import assert from 'node:assert/strict';
import { eventually } from '../../../src/testkit/eventually.ts';
import { podOf, waitForPods } from '../steps/bookinfo.ts';
import { podProcess, restartsOf, statusOf } from '../steps/robustness-processes.ts';
import { configurationPush, PUSH_KINDS } from './pushes.ts';
import { deployment, routeTo, subsets, together } from './manifests.ts';
import { LIFETIME_SECONDS, type ZeroMesh } from './mesh.ts';

export interface Scenario {
  /** For the table. */
  readonly name: string;
  run(mesh: ZeroMesh): Promise<void>;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'rolling update', run: rollingUpdate },
  { name: 'rolling update of an application that exits at once', run: rollRude },
  { name: 'rolling update, pods end at once as on Kubernetes', run: rollAtOnce },
  { name: 'scale 5 → 1 → 5', run: scale },
  { name: 'subset renamed, one apply', run: renameTogether },
  { name: 'subset renamed, rule first', run: renameRuleFirst },
  { name: 'subset renamed, route first', run: renameRouteFirst },
  { name: 'route to a brand-new subset, old one deleted', run: newSubset },
  { name: 'control plane killed', run: killControlPlane },
  { name: 'configuration pushes', run: pushes },
  { name: 'certificates renewed', run: renewCertificates },
];

async function podsGone(mesh: ZeroMesh, version: string, count: number): Promise<void> {
  const selector = `app=app,version=${version}`;
  // Until the old pods are gone: they still serve while they end.
  await eventually(async () => {
    const names = (await mesh.cluster.kubectl('get', 'pods', '-l', selector, '-o', 'name')).trim().split('\n');
    assert.equal(names.length, count);
  }, { timeoutMs: 60_000, everyMs: 200 });
  await waitForPods(mesh.cluster, '2/2', ['-l', selector]);
}

async function rollingUpdate(mesh: ZeroMesh): Promise<void> {
  const { cluster, traffic } = mesh;
  await cluster.kubectl('rollout', 'restart', 'deployment/app-v1');
  traffic.step('rollout restart');
  await cluster.kubectl('rollout', 'status', 'deployment/app-v1', '--timeout=60s');
  traffic.step('rolled out');
  await podsGone(mesh, 'v1', 2);
}

/** The pods of the second roll-out are the first that end so. */
async function rollAtOnce(mesh: ZeroMesh): Promise<void> {
  const { cluster, traffic } = mesh;
  const end = async (how: string | null): Promise<void> => {
    const patch = { spec: { template: { metadata: { annotations: { 'cluster.lateen.io/end': how } } } } };
    await cluster.kubectl('patch', 'deployment/app-v1', '--patch', JSON.stringify(patch));
    traffic.step(`pods end ${how ?? 'as before'}`);
    await cluster.kubectl('rollout', 'status', 'deployment/app-v1', '--timeout=60s');
    await podsGone(mesh, 'v1', 2);
  };
  await end('at-once');
  await rollingUpdate(mesh);
  await end(null);
}

async function rollRude({ cluster, traffic }: ZeroMesh): Promise<void> {
  await cluster.kubectl('rollout', 'restart', 'deployment/rude-v1');
  traffic.step('rollout restart');
  await cluster.kubectl('rollout', 'status', 'deployment/rude-v1', '--timeout=60s');
  await eventually(async () => assert.equal((await cluster.kubectl('get', 'pods', '-l', 'app=rude', '-o', 'name')).trim().split('\n').length, 3), { timeoutMs: 60_000, everyMs: 200 });
}

async function scale(mesh: ZeroMesh): Promise<void> {
  const to = async (replicas: number): Promise<void> => {
    mesh.traffic.step(`scale to ${replicas}`);
    await mesh.cluster.kubectl('scale', 'deployment/app-v1', `--replicas=${replicas}`);
    await podsGone(mesh, 'v1', replicas);
  };
  for (const replicas of [5, 1, 5, 2]) await to(replicas);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function renameTogether({ cluster, traffic }: ZeroMesh): Promise<void> {
  for (const name of ['first', 'v1']) {
    traffic.step(`subset is now ${name}`);
    await cluster.apply(together(subsets('app', { [name]: 'v1', v2: 'v2' }), routeTo('app', name)));
    await pause(500);
  }
}

/** The rule loses the old subset a while before the route stops asking for it. */
async function renameRuleFirst({ cluster, traffic }: ZeroMesh): Promise<void> {
  for (const name of ['first', 'v1']) {
    traffic.step(`rule: ${name}`);
    await cluster.apply(subsets('app', { [name]: 'v1', v2: 'v2' }));
    await pause(1000);
    traffic.step(`route: ${name}`);
    await cluster.apply(routeTo('app', name));
    await pause(500);
  }
}

/** The route cannot come before the subset that it names: it is refused, and what was in force stays. */
async function renameRouteFirst({ cluster, traffic }: ZeroMesh): Promise<void> {
  for (const name of ['first', 'v1']) {
    traffic.step(`route: ${name}`);
    await assert.rejects(cluster.apply(routeTo('app', name)), /subset .* not found/);
    await pause(500);
    traffic.step(`rule, then route: ${name}`);
    await cluster.apply(subsets('app', { [name]: 'v1', v2: 'v2' }));
    await cluster.apply(routeTo('app', name));
    await pause(500);
  }
}

/** Pods, subset and route of a version that was not there; the old subset goes as soon as the route has left it. */
async function newSubset({ cluster, traffic }: ZeroMesh): Promise<void> {
  await cluster.apply(deployment({ name: 'app', version: 'v3', replicas: 2 }));
  await waitForPods(cluster, '2/2', ['-l', 'app=app,version=v3']);
  traffic.step('route to v3, which is new');
  await cluster.apply(together(subsets('app', { v1: 'v1', v2: 'v2', v3: 'v3' }), routeTo('app', 'v3')));
  traffic.step('subset v1 is deleted');
  await cluster.apply(subsets('app', { v2: 'v2', v3: 'v3' }));
  await pause(500);
  traffic.step('back to v1, which is new again, and v3 is deleted');
  await cluster.apply(together(subsets('app', { v1: 'v1', v2: 'v2', v3: 'v3' }), routeTo('app', 'v1')));
  await cluster.apply(subsets('app', { v1: 'v1', v2: 'v2' }));
  traffic.step('the pods of v3 are deleted');
  await cluster.kubectl('delete', 'deployment', 'app-v3', '--wait=false');
  await eventually(async () => assert.equal(await cluster.kubectl('get', 'pods', '-l', 'version=v3', '-o', 'name'), ''), { timeoutMs: 60_000, everyMs: 200 });
}

async function killControlPlane({ cluster, traffic }: ZeroMesh): Promise<void> {
  const istiod = await podOf(cluster, 'app=istiod', 'istio-system');
  const before = await restartsOf(cluster, istiod, 'discovery', 'istio-system');
  const { pid } = await statusOf(cluster);
  traffic.step('kill');
  process.kill(podProcess(pid, istiod, /control\.js/), 'SIGKILL');
  await eventually(async () => assert.equal(await restartsOf(cluster, istiod, 'discovery', 'istio-system'), before + 1), { timeoutMs: 30_000, everyMs: 200 });
  await waitForPods(cluster, '1/1', ['-n', 'istio-system', '-l', 'app=istiod'], 30_000);
  traffic.step('it is back');
  await eventually(async () => assert.doesNotMatch(await cluster.lateen('proxy-status'), /STALE/), { timeoutMs: 20_000, everyMs: 300 });
  traffic.step('all proxies are connected');
  // It serves: a change of the routes arrives.
  await cluster.apply(routeTo('app', 'v1', { timeout: '14s' }));
  await cluster.apply(routeTo('app', 'v1'));
}

async function pushes({ cluster, traffic, settings }: ZeroMesh): Promise<void> {
  for (let i = 0; i < settings.pushes; i++) {
    const { what, yaml } = configurationPush(i);
    traffic.step(what);
    await Promise.all([cluster.apply(yaml), pause(1000 / settings.pushesPerSecond)]);
  }
  for (const [kind, name] of PUSH_KINDS) {
    traffic.step(`delete ${kind}`);
    await cluster.kubectl('delete', kind, name, '--wait=false');
  }
  await cluster.apply(together(subsets('app', { v1: 'v1', v2: 'v2' }), routeTo('app', 'v1'), routeTo('sockets', 'v1')));
}

async function renewCertificates({ cluster, traffic }: ZeroMesh): Promise<void> {
  const pod = await podOf(cluster, 'app=app,version=v1');
  const seen = new Set<string>();
  const end = performance.now() + LIFETIME_SECONDS * 1250;
  while (performance.now() < end) {
    const before = seen.size;
    seen.add(await certificateOf(cluster, pod));
    if (seen.size > before) traffic.step(`certificate ${seen.size}`);
    await pause(1000);
  }
  assert.ok(seen.size >= 3, `${seen.size} certificates in ${LIFETIME_SECONDS * 1.25} s`);
}

/** The chain that a sidecar uses now, as `proxy-config` shows it. */
async function certificateOf(cluster: ZeroMesh['cluster'], pod: string): Promise<string> {
  const text = await cluster.lateen('proxy-config', 'secret', pod, '-o', 'json');
  const inline = /"inline_?(?:[bB]ytes|[sS]tring)": "([^"]+)"/.exec(text.slice(text.search(/certificate_?[cC]hain/)))?.[1];
  assert.ok(inline, `the certificate of ${pod} is shown: ${text.slice(0, 300)}`);
  return inline;
}
