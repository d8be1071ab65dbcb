import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { startControlMesh, type ControlMesh } from '../../testkit/control-mesh.ts';
import { eventually } from '../../testkit/eventually.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { CliError } from '../errors.ts';
import { namedTargets, targetText } from './targets.ts';
import { readGoal } from './verdict.ts';
import { waitForAll } from './wait.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {selector: {istio: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
`;

async function start(t: TestContext) {
  const mesh = await startControlMesh(t);
  await mesh.apply(MESH);
  return mesh;
}

/** What was said of each object that came there, or how the waiting failed. */
async function wait(mesh: ControlMesh, words: string[], options: { goal?: string; timeoutMs?: number } = {}): Promise<string[]> {
  const said: string[] = [];
  try {
    await waitForAll(namedTargets(words, { fallback: 'default' }), {
      client: mesh.client, clock: systemClock, goal: readGoal(options.goal ?? 'distribution'), timeoutMs: options.timeoutMs ?? 5000,
      reached: (target, { text }) => void said.push(`${targetText(target)}: ${text}`),
      async remains({ resource: { kind }, namespace, name }) {
        const answer: unknown = await (await fetch(`http://127.0.0.1:${mesh.plane.ports.monitoring}/debug/remains?kind=${kind}&namespace=${namespace}&name=${name}`)).json();
        return (answer as { remains?: string }).remains;
      },
    });
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    said.push(`exit ${error.exitCode}: ${error.message}`);
  }
  return said;
}

test('waiting ends when the proxies that are concerned have acknowledged, and does not hang on the others', async (t) => {
  const mesh = await start(t);
  const proxy = mesh.proxy('quick');
  await proxy.inbox.find((r) => r.typeUrl === TypeUrl.Route);
  await mesh.change('VirtualService', 'reviews', { http: [{ timeout: '3s', route: [{ destination: { host: 'reviews' } }] }] });
  assert.deepEqual((await wait(mesh, ['vs/reviews.default', 'gateway/edge'])).toSorted(), [
    'gateway/edge.default: no connected proxy uses this object',
    'virtualservice/reviews.default: acknowledged by 1 of 1 interested proxies',
  ]);
});

test('who does not answer is named when the time is up', async (t) => {
  const mesh = await start(t);
  const mute = mesh.proxy('mute', { acks: false });
  await mute.inbox.find((r) => r.typeUrl === TypeUrl.Cluster);
  await mesh.change('VirtualService', 'reviews', { http: [{ timeout: '3s', route: [{ destination: { host: 'reviews' } }] }] });
  assert.deepEqual(await wait(mesh, ['vs', 'reviews'], { timeoutMs: 1500 }), ['exit 124: timed out: virtualservice/reviews.default: acknowledged by 0 of 1 interested proxies; waiting for mute.default']);
});

test('what can never come into force ends the waiting at once', async (t) => {
  const mesh = await start(t);
  await mesh.change('VirtualService', 'reviews', { http: [{ route: [{ destination: { host: 'reviews' }, weight: 0 }, { destination: { host: 'reviews' }, weight: 0 }] }] });
  const [said] = await wait(mesh, ['VirtualService/reviews']);
  assert.match(said ?? '', /^exit 1: virtualservice\/reviews\.default is not in force: not accepted: left out: spec\.http\[0\]\.route/);
  assert.match((await wait(mesh, ['vs/nobody']))[0] ?? '', /^exit 1: virtualservice\/nobody\.default does not exist; apply it first/);
});

test('who will not come there ends the waiting for the others, too', async (t) => {
  const mesh = await start(t);
  const mute = mesh.proxy('mute', { acks: false });
  await mute.inbox.find((r) => r.typeUrl === TypeUrl.Cluster);
  await mesh.change('VirtualService', 'reviews', { http: [{ timeout: '3s', route: [{ destination: { host: 'reviews' } }] }] });
  const started = performance.now();
  assert.deepEqual(await wait(mesh, ['vs/reviews', 'vs/nobody', 'vs/nothing'], { timeoutMs: 60_000 }), ['exit 1: virtualservice/nobody.default does not exist; apply it first: kubectl apply -f FILE\nvirtualservice/nothing.default does not exist; apply it first: kubectl apply -f FILE']);
  assert.ok(performance.now() - started < 10_000);
});

test('a deleted object is gone when no proxy has anything of it', async (t) => {
  const mesh = await start(t);
  const client = mesh.proxy('client');
  await client.inbox.find((r) => r.typeUrl === TypeUrl.Cluster);
  // Of a proxy that comes later than the status, the status learns without hurry.
  await mesh.change('VirtualService', 'reviews', { http: [{ timeout: '3s', route: [{ destination: { host: 'reviews' } }] }] });
  await eventually(async () => assert.match(await mesh.said('VirtualService', 'reviews', 'Programmed'), /1 of 1/));
  const waiting = wait(mesh, ['vs/reviews'], { goal: 'delete' });
  await mesh.remove('VirtualService', 'reviews');
  assert.deepEqual(await waiting, ['virtualservice/reviews.default: deleted, and no proxy has anything of it']);
});

test('a kind that the mesh does not have is refused with those that it has', () => {
  assert.throws(() => namedTargets(['deployment/x'], { fallback: 'default' }), /"deployment" is not a kind of the mesh; these are: VirtualService, /);
});
