import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodStatus } from 'kubernetes-types/core/v1.d.ts';
import { silentLog } from '../../base/log.ts';
import type { Stored } from '../../kube/object.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import type { ContainerPlan } from './container-plan.ts';
import type { ImageProgram } from './images.ts';
import { PodWorker } from './pod-worker.ts';
import type { ActionResult } from './probe-actions.ts';
import type { ContainerExit, ContainerRuntime, RunningContainer } from './runtime.ts';

/** A runtime whose containers do what the test says. */
class FakeRuntime implements ContainerRuntime {
  readonly history: string[] = [];
  readonly live = new Map<string, { exit(code: number): void }>();
  /** Containers that end by themselves as soon as they run, with these codes in turn. */
  readonly scripts = new Map<string, number[]>();
  /** Containers that do not end by SIGTERM. */
  readonly stubborn = new Set<string>();

  async createSandbox() {
    this.history.push('sandbox');
    return { ip: '10.244.0.9' };
  }

  async start({ container }: { container: Container }): Promise<RunningContainer> {
    const { name } = container;
    this.history.push(`start ${name}`);
    const exited = Promise.withResolvers<ContainerExit>();
    const exit = (exitCode: number) => {
      if (!this.live.delete(name)) return;
      this.history.push(`end ${name} ${exitCode}`);
      exited.resolve({ exitCode, message: '' });
    };
    this.live.set(name, { exit });
    const code = this.scripts.get(name)?.shift();
    if (code !== undefined) queueMicrotask(() => exit(code));
    return {
      id: name, log: { path: '', olderPath: '' }, exited: exited.promise,
      signal: (signal) => {
        if (!this.live.has(name)) return;
        this.history.push(`${signal} ${name}`);
        if (signal === 'SIGKILL') exit(137);
        else if (!this.stubborn.has(name)) queueMicrotask(() => exit(0));
      },
      exec: () => assert.fail('not expected'),
      attach: () => assert.fail('not expected'),
    };
  }

  dial() {
    return Promise.reject(new Error('no network in this test'));
  }

  async removeSandbox() {
    this.history.push('sandbox removed');
  }

  forget() {}
}

const IMAGE: ImageProgram = { name: 'known', entrypoint: ['x'], args: [], env: {}, workingDir: '/', user: '0', mounts: [], programs: [] };

function begin(spec: Pod['spec'], setUp: (runtime: FakeRuntime) => void = () => {}) {
  const clock = new FakeClock();
  const runtime = new FakeRuntime();
  setUp(runtime);
  const events: string[] = [];
  const probes = new Map<string, ActionResult>();
  const mounts = { failures: 0 };
  let status: PodStatus = {};
  const pod: Stored<Pod> = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' }, spec };
  const worker = new PodWorker({
    runtime, clock, log: silentLog, hostIp: '10.244.0.1',
    images: { files: [], names: () => ['known'], find: (image) => (image === 'known' ? IMAGE : undefined) },
    volumes: {
      prepare: async () => {
        if (mounts.failures-- > 0) throw new Error('configmap "x" not found');
      },
      refresh: async () => {}, path: () => '', close() {},
    },
    runAction: async (action, { container }) => {
      runtime.history.push(`${action.exec?.command?.[0] ?? 'probe'} ${container.name}`);
      return probes.get(container.name) ?? { ok: true, message: '' };
    },
    plan: async () => ({}) as ContainerPlan,
    writeStatus: (_pod, next) => {
      status = next;
    },
    event: (_pod, _type, reason, message) => events.push(`${reason}: ${message}`),
    awaitWithdrawn: async () => void runtime.history.push('withdrawn'),
  }, pod);
  return { clock, runtime, events, probes, mounts, worker, status: () => status, pod };
}

const container = (name: string, more: Partial<Container> & { restartPolicy?: string } = {}): Container => ({ name, image: 'known', ...more });
const ready = (status: PodStatus) => status.conditions?.find((c) => c.type === 'Ready')?.status;

test('init containers run one after another, a sidecar is waited for until it has started, then the main containers start', async () => {
  const { clock, runtime, worker, status, probes } = begin({
    initContainers: [container('first'), container('proxy', { restartPolicy: 'Always', startupProbe: { httpGet: { port: 1 }, periodSeconds: 1 } }), container('second')],
    containers: [container('app')],
  }, (r) => {
    r.scripts.set('first', [0]);
    r.scripts.set('second', [0]);
  });
  probes.set('proxy', { ok: false, message: 'not yet' });
  worker.start();
  await clock.advance(900);
  assert.deepEqual(runtime.history.filter((h) => !h.startsWith('probe')), ['sandbox', 'start first', 'end first 0', 'start proxy']);
  assert.equal(status().phase, 'Pending');
  assert.deepEqual(status().containerStatuses?.[0]?.state, { waiting: { reason: 'PodInitializing' } });
  probes.set('proxy', { ok: true, message: '' });
  await clock.advance(1000);
  assert.deepEqual(runtime.history.filter((h) => !h.startsWith('probe')).slice(4), ['start second', 'end second 0', 'start app']);
  assert.equal(status().phase, 'Running');
  assert.equal(ready(status()), 'True');
  assert.equal(status().podIP, '10.244.0.9');
});

test('a deleted pod leaves its services, ends its main containers, then its sidecars, the last first', async () => {
  const { clock, runtime, worker } = begin({
    initContainers: [container('a', { restartPolicy: 'Always' }), container('b', { restartPolicy: 'Always', lifecycle: { preStop: { exec: { command: ['drain'] } } } })],
    containers: [container('app', { lifecycle: { preStop: { exec: { command: ['bye'] } } } })],
  });
  worker.start();
  await clock.advance(10);
  runtime.history.length = 0;
  const ended = worker.terminate(30_000);
  await clock.advance(1000);
  await ended;
  assert.deepEqual(runtime.history, ['withdrawn', 'bye app', 'drain b', 'SIGTERM app', 'end app 0', 'SIGTERM b', 'end b 0', 'SIGTERM a', 'end a 0', 'sandbox removed']);
});

test('a pod that asks for it ends as on Kubernetes, where nobody waits for its services', async () => {
  const { clock, runtime, worker, pod } = begin({ containers: [container('app')] });
  pod.metadata.annotations = { 'cluster.lateen.io/end': 'at-once' };
  worker.start();
  await clock.advance(10);
  runtime.history.length = 0;
  const ended = worker.terminate(30_000);
  await clock.advance(1000);
  await ended;
  assert.deepEqual(runtime.history, ['SIGTERM app', 'end app 0', 'sandbox removed']);
});

test('what does not end by SIGTERM is killed when the grace is over', async () => {
  const { clock, runtime, worker, status } = begin({ containers: [container('app')] }, (r) => r.stubborn.add('app'));
  worker.start();
  await clock.advance(10);
  const ended = worker.terminate(5000);
  await clock.advance(4900);
  assert.ok(runtime.live.has('app'));
  await clock.advance(200);
  await ended;
  assert.equal(status().containerStatuses?.[0]?.state?.terminated?.exitCode, 137);
});

test('a container that crashes is started again at once, then after 10 s, and says CrashLoopBackOff meanwhile', async () => {
  const { clock, worker, status, events } = begin({ containers: [container('app')] }, (r) => r.scripts.set('app', [1, 1]));
  worker.start();
  await clock.advance(100);
  const [crashed] = status().containerStatuses ?? [];
  assert.equal(crashed?.state?.waiting?.reason, 'CrashLoopBackOff');
  assert.equal(crashed?.state?.waiting?.message, 'back-off 10s restarting failed container=app pod=p_default(u)');
  assert.equal(crashed?.lastState?.terminated?.exitCode, 1);
  assert.equal(crashed?.restartCount, 1);
  await clock.advance(10_000);
  assert.ok(status().containerStatuses?.[0]?.state?.running);
  assert.equal(status().containerStatuses?.[0]?.restartCount, 2);
  assert.equal(status().phase, 'Running');
  assert.ok(events.some((e) => e.startsWith('BackOff: Back-off restarting failed container app in pod p_default(u)')));
});

for (const [policy, code, phase, starts] of [
  ['Never', 0, 'Succeeded', 1], ['Never', 3, 'Failed', 1], ['OnFailure', 0, 'Succeeded', 1], ['OnFailure', 1, 'Running', 2], ['Always', 0, 'Running', 2],
] as const) {
  test(`with restartPolicy ${policy} a container that exits with ${code} leaves the pod ${phase}`, async () => {
    const { clock, runtime, worker, status } = begin({ restartPolicy: policy, containers: [container('app')] }, (r) => r.scripts.set('app', [code]));
    worker.start();
    await clock.advance(100);
    assert.equal(status().phase, phase);
    assert.equal(runtime.history.filter((h) => h === 'start app').length, starts);
  });
}

test('a sidecar does not keep a pod from completing: it is stopped and the pod has succeeded', async () => {
  const { clock, runtime, worker, status } = begin({ restartPolicy: 'Never', initContainers: [container('proxy', { restartPolicy: 'Always' })], containers: [container('job')] }, (r) => r.scripts.set('job', [0]));
  worker.start();
  await clock.advance(100);
  assert.deepEqual(runtime.history.slice(-3), ['SIGTERM proxy', 'end proxy 0', 'sandbox removed']);
  assert.equal(status().phase, 'Succeeded');
  assert.equal(status().conditions?.find((c) => c.type === 'Ready')?.reason, 'PodCompleted');
});

test('a failed init container of a pod that is not restarted fails the pod', async () => {
  const { clock, runtime, worker, status } = begin({ restartPolicy: 'Never', initContainers: [container('init')], containers: [container('app')] }, (r) => r.scripts.set('init', [1]));
  worker.start();
  await clock.advance(100);
  assert.equal(status().phase, 'Failed');
  assert.equal(runtime.history.includes('start app'), false);
});

test('an unknown image waits with ErrImagePull, then ImagePullBackOff, and tells why', async () => {
  const { clock, worker, status, events } = begin({ containers: [{ name: 'app', image: 'nowhere/x:1' }] });
  worker.start();
  await clock.advance(10);
  assert.equal(status().containerStatuses?.[0]?.state?.waiting?.reason, 'ErrImagePull');
  await clock.advance(1500);
  const waiting = status().containerStatuses?.[0]?.state?.waiting;
  assert.equal(waiting?.reason, 'ImagePullBackOff');
  assert.match(waiting?.message ?? '', /no program is mapped to image "nowhere\/x:1"/);
  assert.ok(events.includes('Pulling: Pulling image "nowhere/x:1"'));
  assert.ok(events.includes('Failed: Error: ErrImagePull'));
  assert.equal(status().phase, 'Pending');
});

test('a liveness probe that fails too often restarts its container, not its pod', async () => {
  const { clock, runtime, worker, status, probes, events } = begin({ containers: [container('app', { livenessProbe: { httpGet: { port: 1 }, periodSeconds: 1, failureThreshold: 2 } })] });
  worker.start();
  await clock.advance(1500);
  probes.set('app', { ok: false, message: 'HTTP probe failed with statuscode: 500' });
  await clock.advance(2000);
  probes.delete('app');
  await clock.advance(500);
  assert.equal(runtime.history.filter((h) => h === 'start app').length, 2);
  assert.equal(status().containerStatuses?.[0]?.restartCount, 1);
  assert.ok(events.includes('Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500'));
  assert.ok(events.includes('Killing: Container app failed liveness probe, will be restarted'));
});

test('readiness follows its probe', async () => {
  const { clock, worker, status, probes } = begin({ containers: [container('app', { readinessProbe: { httpGet: { port: 1 }, periodSeconds: 1, failureThreshold: 1 } })] });
  probes.set('app', { ok: false, message: 'no' });
  worker.start();
  await clock.advance(1500);
  assert.equal(ready(status()), 'False');
  assert.equal(status().conditions?.find((c) => c.type === 'Ready')?.message, 'containers with unready status: [app]');
  probes.delete('app');
  await clock.advance(1500);
  assert.equal(ready(status()), 'True');
  probes.set('app', { ok: false, message: 'no' });
  await clock.advance(1500);
  assert.equal(ready(status()), 'False');
});

test('a pod whose volume cannot be made waits, says so, and goes on when it can', async () => {
  const { clock, worker, status, mounts, events } = begin({ containers: [container('app')] });
  mounts.failures = 2;
  worker.start();
  await clock.advance(100);
  assert.equal(status().phase, 'Pending');
  assert.deepEqual(events, ['FailedMount: configmap "x" not found']);
  await clock.advance(2000);
  assert.equal(status().phase, 'Running');
});

test('a postStart hook that fails ends the container', async () => {
  const { clock, runtime, worker, probes, events } = begin({ containers: [container('app', { lifecycle: { postStart: { exec: { command: ['hello'] } } } })] });
  probes.set('app', { ok: false, message: 'exit 1' });
  worker.start();
  await clock.advance(10);
  assert.ok(runtime.history.includes('SIGTERM app'));
  assert.ok(events.includes('FailedPostStartHook: PostStartHook failed: exit 1'));
});

test('a pod that may live only so long fails with DeadlineExceeded', async () => {
  const { clock, worker, status } = begin({ activeDeadlineSeconds: 5, containers: [container('app')] });
  worker.start();
  await clock.advance(6000);
  assert.equal(status().phase, 'Failed');
  assert.equal(status().reason, 'DeadlineExceeded');
});

test('a pod deleted before it could start ends without having started anything', async () => {
  const { clock, runtime, worker, mounts } = begin({ containers: [container('app')] });
  mounts.failures = 100;
  worker.start();
  await clock.advance(100);
  const ended = worker.terminate(30_000);
  await clock.advance(100);
  await ended;
  assert.equal(runtime.history.includes('start app'), false);
  assert.equal(runtime.history.at(-1), 'sandbox removed');
});
