import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { Condition } from '../../../src/kube/object.ts';
import type { TestCluster } from '../harness.ts';
import { podOf } from '../steps/bookinfo.ts';
import { podProcess, statusOf } from '../steps/robustness-processes.ts';
import { Callers } from './callers.ts';
import { appService, clientOf, documents, NAMESPACE, routeTo, subsets } from './mesh.ts';

const HOST = 'live';
const CHANGES = 20;

/** When is a change in force? `lateen wait` and the conditions say it, and requests show it. */
export async function followChanges(t: TestContext, cluster: TestCluster): Promise<void> {
  const callers = await Callers.open(cluster);
  t.after(() => callers.close());
  const state: { subset: 'a' | 'b'; versions: Record<'a' | 'b', string> } = { subset: 'a', versions: { a: 'v1', b: 'v2' } };
  const rules = () => documents(subsets(HOST, state.versions), routeTo(HOST, state.subset));
  const assertServed = async (what: string) => {
    const answers = await callers.askOnce(HOST);
    const versions = Object.fromEntries(Object.entries(answers).map(([way, answer]) => [way, answer.split(' ')[0]]));
    assert.deepEqual(versions, Object.fromEntries(Object.keys(answers).map((way) => [way, state.versions[state.subset]])), `${what}: ${JSON.stringify(answers)}`);
  };
  await cluster.apply(documents(appService(HOST), rules()));

  await t.test(`${CHANGES} changes in a row: as soon as wait has returned, a request on every way goes where the change says`, async () => {
    await waitFor(cluster, rules());
    await assertServed('the first');
    for (let i = 0; i < CHANGES; i++) {
      if (i % 2 === 0) state.subset = state.subset === 'a' ? 'b' : 'a';
      else state.versions = { a: state.versions.b, b: state.versions.a };
      await cluster.apply(rules());
      const said = await waitFor(cluster, rules());
      assert.match(said, /virtualservice\/live\.good: acknowledged by (\d+) of \1 interested proxies/);
      await assertServed(`change ${i}`);
    }
  });

  await t.test('kubectl shows it: conditions of this generation, kubectl wait, two columns more of the wide table', async () => {
    const { metadata, status } = await cluster.getJson<{ metadata: { generation: number }; status: { conditions: Condition[]; observedGeneration: number } }>('vs', HOST, '-n', NAMESPACE);
    assert.equal(Number(status.observedGeneration), metadata.generation);
    const told = Object.fromEntries(status.conditions.map((c) => [c.type, `${c.status} ${c.reason} ${Number(c.observedGeneration) === metadata.generation}`]));
    assert.deepEqual(told, { Accepted: 'True Valid true', ResolvedRefs: 'True ResolvedRefs true', Programmed: 'True Programmed true', InEffect: 'True AllFieldsInEffect true' });
    await cluster.kubectl('wait', '--for=condition=Programmed', `vs/${HOST}`, `dr/${HOST}`, '-n', NAMESPACE, '--timeout=5s');
    const wide = await cluster.kubectl('get', 'vs', HOST, '-n', NAMESPACE, '-o', 'wide');
    assert.match(wide, /NAME\s+GATEWAYS\s+HOSTS\s+AGE\s+ACCEPTED\s+PROGRAMMED\n.*\sTrue\s+True\s*$/m);
  });

  await t.test('a sidecar that has stopped is named when time is up, and waited for no longer than that', async () => {
    const pod = await podOf(cluster, `app=${clientOf('lateen')}`, NAMESPACE);
    const proxy = podProcess((await statusOf(cluster)).pid, pod, /proxy\.cjs proxy sidecar/);
    process.kill(proxy, 'SIGSTOP');
    try {
      state.subset = state.subset === 'a' ? 'b' : 'a';
      await cluster.apply(rules());
      const output = await cluster.tryLateen('wait', '-f', fileOf(cluster, rules()), '--timeout', '4s');
      assert.equal(output.code, 124, output.stdout + output.stderr);
      assert.match(output.stderr, new RegExp(`virtualservice/live\\.good: acknowledged by (\\d+) of \\d+ interested proxies; waiting for ${pod}\\.good`));
    } finally {
      process.kill(proxy, 'SIGCONT');
    }
    await waitFor(cluster, rules());
    await assertServed('when it goes on');
  });

  await t.test('what no proxy is interested in, what is refused, what does not exist: each is answered at once', async () => {
    await cluster.apply(NOBODYS);
    assert.match(await waitFor(cluster, NOBODYS), /no connected proxy uses this object/);

    await cluster.apply(TAKEN_PORT);
    const started = performance.now();
    const refused = await cluster.tryLateen('wait', '-f', fileOf(cluster, TAKEN_PORT), '--timeout', '30s');
    assert.equal(refused.code, 1, refused.stdout + refused.stderr);
    assert.match(refused.stderr, /gateway\/taken\.good is not in force: acknowledged by \d of 2 interested proxies; refused by edge-(lateen|envoy)-\S+\.good: /);
    assert.ok(performance.now() - started < 10_000, `it took ${performance.now() - started} ms`);
    const message = await cluster.kubectl('get', 'gateways.networking.istio.io', 'taken', '-n', NAMESPACE, '-o', 'jsonpath={.status.conditions[?(@.type=="Programmed")].message}');
    assert.match(message, /edge-envoy-\S+: .*cannot bind '0\.0\.0\.0:15090': Address already in use/);
    assert.match(message, /edge-lateen-\S+: .*cannot bind 0\.0\.0\.0:15090: address already in use/);
    await cluster.kubectl('delete', 'gateways.networking.istio.io', 'taken', '-n', NAMESPACE);

    const missing = await cluster.tryLateen('wait', 'virtualservice/nowhere.good');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /virtualservice\/nowhere\.good does not exist; apply it first/);
    await eventually(() => assertServed('afterwards'));
  });

  await t.test('a patch of an EnvoyFilter is in force on both data planes; one that Envoy refuses, and our own proxy has not got, harms neither', async (s) => {
    s.after(() => cluster.kubectl('delete', 'envoyfilter', 'patch', '-n', NAMESPACE));
    await cluster.apply(ANSWERED);
    assert.match(await waitFor(cluster, ANSWERED), /envoyfilter\/patch\.good: acknowledged by 2 of 2 interested proxies/);
    // Routes of the workload's own ports stand in the listener: a connection that was there follows when the old one has drained.
    await eventually(async () => {
      for (const [way, answer] of Object.entries(await callers.askOnce(HOST))) assert.match(answer, /^patched/, way);
    }, { timeoutMs: 20_000, everyMs: 200 });

    await cluster.apply(NO_LUA);
    const refused = await cluster.tryLateen('wait', '-f', fileOf(cluster, NO_LUA), '--timeout', '20s');
    assert.equal(refused.code, 1, refused.stdout + refused.stderr);
    assert.match(refused.stderr, /envoyfilter\/patch\.good is not in force: .*refused by app-v2-\S+\.good: .*script load error/s);
    const said = () => cluster.kubectl('get', 'envoyfilter', 'patch', '-n', NAMESPACE, '-o', 'jsonpath={.status.conditions[?(@.type=="InEffect")].message}');
    await eventually(async () => assert.match(await said(), /spec\.configPatches\[0\]\.patch\.value\.typed_config: our own proxy has no envoy\.extensions\.filters\.http\.lua\.v3\.Lua/));
    await eventually(() => assertServed('without the patch'), { timeoutMs: 20_000, everyMs: 200 });
  });
}

/** @returns what it printed */
function waitFor(cluster: TestCluster, yaml: string): Promise<string> {
  return cluster.lateen('wait', '-f', fileOf(cluster, yaml), '--timeout', '20s');
}

function fileOf(cluster: TestCluster, yaml: string): string {
  const file = join(cluster.directory, 'waited-for.yaml');
  writeFileSync(file, yaml);
  return file;
}

const NOBODYS = JSON.stringify({
  apiVersion: 'networking.istio.io/v1', kind: 'Sidecar', metadata: { name: 'nobodys', namespace: NAMESPACE },
  spec: { workloadSelector: { labels: { app: 'nobody' } }, egress: [{ hosts: ['./*'] }] },
});

const patchOf = (patch: object): string => JSON.stringify({ apiVersion: 'networking.istio.io/v1alpha3', kind: 'EnvoyFilter', metadata: { name: 'patch', namespace: NAMESPACE }, spec: { workloadSelector: { labels: { app: 'app' } }, configPatches: [patch] } });
/** The proxies of the servers answer themselves. */
const ANSWERED = patchOf({
  applyTo: 'HTTP_ROUTE', match: { context: 'SIDECAR_INBOUND', routeConfiguration: { vhost: { name: 'inbound|http|80' } } },
  patch: { operation: 'INSERT_FIRST', value: { name: 'patched', match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'patched' } } } },
});
const NO_LUA = patchOf({
  applyTo: 'HTTP_FILTER', match: { context: 'SIDECAR_INBOUND', listener: { filterChain: { filter: { name: 'envoy.filters.network.http_connection_manager', subFilter: { name: 'envoy.filters.http.router' } } } } },
  patch: { operation: 'INSERT_BEFORE', value: { name: 'lua', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua', default_source_code: { inline_string: 'function (' } } } },
});

/** Of the proxy's own statistics: valid, and no gateway can listen there. */
const TAKEN_PORT = JSON.stringify({
  apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: { name: 'taken', namespace: NAMESPACE },
  spec: { selector: { edge: 'yes' }, servers: [{ port: { number: 15_090, name: 'http', protocol: 'HTTP' }, hosts: ['taken.example.com'] }] },
});
