/** Clusters come, live side by side, and go in every way there is, without a trace. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { eventually } from '../../src/testkit/eventually.ts';
import { hostFootprint, ROOT, run, TestCluster } from './harness.ts';
import { leftOver, statusOf, tracesOf, type Traces } from './steps/robustness-processes.ts';
import { restartProcesses } from './steps/robustness-restarts.ts';

const LAUNCHER = join(ROOT, 'bin/lateen');
const API_PORT = 6443;
const NOBODY = '65534';

/** Nothing of that cluster is left, and the host's network, mounts and rules are what they were. */
async function assertGone(traces: Traces, before: Record<string, string[]>): Promise<void> {
  await eventually(() => assert.deepEqual(leftOver(traces), []), { timeoutMs: 5000, everyMs: 100 });
  await eventually(() => {
    const { links, namespaces, mounts, firewall, routes } = hostFootprint();
    assert.deepEqual({ links, namespaces, mounts, firewall, routes }, { links: before['links'], namespaces: before['namespaces'], mounts: before['mounts'], firewall: before['firewall'], routes: before['routes'] });
  }, { timeoutMs: 5000, everyMs: 100 });
}

/** Occupies the API's usual port, unless somebody has it already. */
async function takeApiPort(t: TestContext): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  const result = Promise.race([once(server, 'listening'), once(server, 'error')]);
  server.listen(API_PORT, '127.0.0.1');
  await result.catch(() => {});
  t.after(() => server.close());
}

async function start(t: TestContext, name: string): Promise<{ cluster: TestCluster; printed: string }> {
  const cluster = new TestCluster(name);
  t.after(() => cluster.close());
  return { cluster, printed: await cluster.lateen('up', '--name', name, '--kubeconfig', cluster.kubeconfig) };
}

test('clusters side by side', async (t) => {
  const before = hostFootprint();
  await takeApiPort(t);
  const first = await start(t, 'side-a');
  const second = await start(t, 'side-b');
  const both = [first, second];

  await t.test('both answer, each at the free port that was printed instead of the one taken', async () => {
    const servers = both.map(({ printed }) => /https:\/\/127\.0\.0\.1:(\d+)/.exec(printed)?.[1]);
    assert.equal(new Set([...servers, String(API_PORT)]).size, 3, `${servers.join(' and ')}, neither of them ${API_PORT}`);
    for (const [i, { cluster }] of both.entries()) {
      assert.equal(await cluster.kubectl('config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}'), `https://127.0.0.1:${servers[i]}`);
      assert.match(await cluster.kubectl('version'), /Server Version/);
    }
  });

  await t.test('they do not share objects', async () => {
    await first.cluster.kubectl('create', 'namespace', 'only-here');
    assert.notEqual((await second.cluster.tryKubectl(['get', 'namespace', 'only-here'])).code, 0);
  });

  await t.test('a second cluster of the same name is refused, and the first goes on', async () => {
    const output = await first.cluster.tryLateen('up', '--name', first.cluster.name, '--kubeconfig', first.cluster.kubeconfig);
    assert.notEqual(output.code, 0);
    assert.match(output.stderr, /side-a.*(?:already|runs)/s);
    assert.match(output.stderr, /lateen down/, 'says what to do');
    assert.match(await first.cluster.kubectl('get', 'namespace', 'only-here'), /Active/);
  });

  await t.test('`down` ends one without a trace; the other goes on', async () => {
    const traces = await tracesOf(second.cluster);
    await second.cluster.lateen('down', '--name', second.cluster.name, '--kubeconfig', second.cluster.kubeconfig);
    await eventually(() => assert.deepEqual(leftOver(traces), []), { timeoutMs: 5000, everyMs: 100 });
    assert.notEqual((await second.cluster.tryKubectl(['config', 'use-context', 'lateen-side-b'])).code, 0, 'its context is gone');
    assert.match(await first.cluster.kubectl('get', 'namespace', 'only-here'), /Active/);
  });

  await t.test('`kill -9` of the supervisor leaves nothing behind, and the name can be used again', async () => {
    const { cluster } = first;
    await cluster.kubectl('run', 'sleeper', '--image=curlimages/curl', '--command', '--', 'sleep', 'infinity');
    await cluster.kubectl('wait', 'pod/sleeper', '--for=condition=Ready', '--timeout=30s');
    const traces = await tracesOf(cluster);
    process.kill((await statusOf(cluster)).pid, 'SIGKILL');
    await assertGone(traces, before);
    assert.equal((await statusOf(cluster)).running, false, 'status knows');
    await cluster.lateen('up', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
    assert.notEqual((await cluster.tryKubectl(['get', 'namespace', 'only-here'])).code, 0, 'it starts empty');
    const again = await tracesOf(cluster);
    await cluster.lateen('down', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig);
    await assertGone(again, before);
  });
});

test('a demo in the foreground', async (t) => {
  const before = hostFootprint();
  const cluster = new TestCluster('foreground');
  t.after(() => cluster.close());
  const demo = spawn(LAUNCHER, ['demo', '--name', cluster.name, '--kubeconfig', cluster.kubeconfig], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(demo, 'exit') as Promise<[code: number | null, signal: string | null]>;
  let printed = '';
  for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (part: Buffer) => (printed += part.toString()));
  await eventually(() => assert.match(printed, /Ready in [\d.]+ s[\s\S]*Ctrl-C/, `exit code ${demo.exitCode}`), { timeoutMs: 90_000, everyMs: 100 });

  await t.test('the printed product page answers', async () => {
    const url = /Product page\s+(http\S+)/.exec(printed)?.[1] ?? '';
    assert.equal((await cluster.get(url)).status, 200);
  });

  await restartProcesses(t, cluster);

  await t.test('Ctrl-C ends it and leaves nothing behind', async () => {
    const traces = await tracesOf(cluster);
    demo.kill('SIGINT');
    const [code, signal] = await ended;
    assert.deepEqual([code, signal], [0, null], printed.slice(-500));
    await assertGone(traces, before);
    assert.notEqual((await cluster.tryLateen('status', '--name', cluster.name)).code, 0, 'status does not know it any more');
  });
});

test('somebody who is not root gets one sentence that says what to do', async () => {
  const as = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', '--'];
  const output = await run('setpriv', [...as, LAUNCHER, 'up', '--name', 'nobodys'], { env: { HOME: '/', KUBECONFIG: '/tmp/nobodys-kubeconfig' } });
  assert.notEqual(output.code, 0);
  assert.equal(output.stdout, '');
  assert.match(output.stderr, /^Error: .*needs root.*sudo\.\n$/);
});

test('a command for a cluster that does not exist says so', async () => {
  const output = await run(LAUNCHER, ['down', '--name', 'never-was']);
  assert.notEqual(output.code, 0);
  assert.match(output.stderr, /there is no cluster "never-was"/);
});
