/** How pods end, and what must not be done twice. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { Repeat } from '../../../samples/apps/traffic/order.ts';
import { Sockets } from '../../../samples/apps/traffic/sockets.ts';
import type { Farewell } from '../../../samples/apps/traffic/farewell.ts';
import { eventually } from '../../../src/testkit/eventually.ts';
import { httpGet, kubectlPath } from '../harness.ts';
import { ingressUrl, podOf, waitForPods } from '../steps/bookinfo.ts';
import { deployment, routeTo, service, subsets, together } from './manifests.ts';
import type { ZeroMesh } from './mesh.ts';
import { portForward } from './port-forward.ts';
import { ask } from './traffic.ts';

const CALL_SECONDS = 4;
const GRACE_SECONDS = 6;

/** An application that calls others until it has ended itself. */
export async function callsWhileEnding({ cluster }: ZeroMesh): Promise<void> {
  const env = { ON_SIGTERM: 'call', CALL_URL: 'http://app:8080/', CALL_SECONDS: String(CALL_SECONDS) };
  await cluster.apply(deployment({ name: 'caller', version: 'v1', replicas: 1, env }));
  await waitForPods(cluster, '2/2', ['-l', 'app=caller']);
  const pod = await podOf(cluster, 'app=caller');
  const logs = spawn(kubectlPath(), ['logs', '-f', pod, '-c', 'app'], { env: { ...process.env, ...cluster.env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  logs.stdout.on('data', (part: Buffer) => (text += part.toString()));
  const closed = new Promise((resolve) => logs.once('close', resolve));
  await eventually(() => assert.match(text, /listens/), { timeoutMs: 10_000, everyMs: 50 });
  await cluster.kubectl('delete', 'deployment', 'caller-v1', '--wait=false');
  await closed;
  const line = text.trim().split('\n').at(-1) ?? '';
  assert.match(line, /^\{/, `the application said how its last calls went: ${text}`);
  // What our own program printed.
  const { calls, failed, error } = JSON.parse(line) as Farewell;
  assert.equal(failed, 0, error ?? '');
  assert.ok(calls > CALL_SECONDS * 10, `${calls} calls`);
}

/** WebSockets on a pod that is deleted and does not end by itself stay open until its grace is over. */
export async function socketsUntilGrace({ cluster }: ZeroMesh): Promise<void> {
  await cluster.apply(together(
    service('stay'), deployment({ name: 'stay', version: 'v1', replicas: 1, env: { ON_SIGTERM: 'stay' }, graceSeconds: GRACE_SECONDS }), subsets('stay', { v1: 'v1' }), routeTo('stay', 'v1'),
  ));
  await waitForPods(cluster, '2/2', ['-l', 'app=stay']);
  const sockets = new Sockets({ name: 'stay', url: `${(await ingressUrl(cluster)).replace('http', 'ws')}/ws`, host: 'stay.example.com', count: 20 });
  try {
    await eventually(() => assert.equal(sockets.report().open, 20), { timeoutMs: 20_000, everyMs: 100 });
    await cluster.kubectl('delete', 'deployment', 'stay-v1', '--wait=false');
    const deletedMs = Date.now();
    await eventually(() => assert.equal(sockets.report().open, 0), { timeoutMs: (GRACE_SECONDS + 20) * 1000, everyMs: 50 });
    const first = Math.min(...sockets.report().closed.map(({ atMs, tookMs }) => atMs + tookMs));
    assert.ok(first - deletedMs > (GRACE_SECONDS - 1) * 1000, `the first one ended ${first - deletedMs} ms after the deletion`);
  } finally {
    sockets.close();
    await cluster.kubectl('delete', 'virtualservice/stay', 'destinationrule/stay', 'service/stay', '--wait=false');
  }
}

/** Requests of the client to the server that commits, at one time. */
const AT_ONCE = 64;
/** Of a method that may be tried again: enough to see that it is. */
const GETS = 200;

/** A server that does what it is asked and resets the connection: nobody can know, so nobody may ask it again.
 * @param count of POSTs */
export async function commitsOnce({ cluster, control }: ZeroMesh, count: number): Promise<void> {
  await cluster.apply(together(service('commit'), deployment({ name: 'commit', version: 'v1', replicas: 2 })));
  await waitForPods(cluster, '2/2', ['-l', 'app=commit']);
  const ordered = { POST: count, GET: Math.min(count, GETS) };
  for (const [method, n] of Object.entries(ordered)) {
    const repeat: Repeat = { method, count: n, atOnce: AT_ONCE, path: '/commit?id={i}', order: { protocol: 'http1', url: 'http://commit:8080' } };
    const outcomes = (await ask(control, '/repeat', 'POST', repeat)) as Record<string, number>;
    assert.ok(Object.keys(outcomes).every((what) => what.startsWith(`${method} 503 `)), JSON.stringify(outcomes));
  }
  const seen = await commitsSeen(cluster);
  const times = (method: keyof typeof ordered) => Array.from({ length: ordered[method] }, (_, i) => seen.get(`${method} ${i}`) ?? 0);
  assert.deepEqual([...new Set(times('POST'))], [1], 'each POST was seen exactly once');
  assert.ok(times('GET').every((n) => n > 1), 'each GET was tried again');
  await cluster.kubectl('delete', 'deployment/commit-v1', 'service/commit', '--wait=false');
}

async function commitsSeen(cluster: ZeroMesh['cluster']): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const pods = (await cluster.kubectl('get', 'pods', '-l', 'app=commit', '-o', 'name')).trim().split('\n');
  for (const pod of pods) {
    const forward = await portForward(cluster, pod, 8080);
    const { body } = await httpGet(`http://127.0.0.1:${forward.port}/commits`);
    forward.close();
    for (const [id, times] of Object.entries(JSON.parse(body) as Record<string, number>)) seen.set(id, (seen.get(id) ?? 0) + times);
  }
  return seen;
}
