import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { eventually } from '../../../src/testkit/eventually.ts';
import { guideBlock } from '../guide.ts';
import { run, kubectlPath, type TestCluster } from '../harness.ts';

/** Step 8: the guide's admission controllers, and the mesh's own. */
export async function admission(t: TestContext, cluster: TestCluster): Promise<void> {
  await t.test('the guide’s command prints the admission plugins in force', async () => {
    const command = /kubectl get pod .*/.exec(guideBlock('enable-admission-plugins'))?.[0] ?? '';
    const output = await run('sh', ['-c', command.replace(/^kubectl/, kubectlPath())], { env: cluster.env });
    assert.equal(output.code, 0, output.stderr);
    for (const plugin of ['NamespaceLifecycle', 'DefaultStorageClass', 'ResourceQuota', 'LimitRanger', 'ServiceAccount', 'MutatingAdmissionWebhook', 'ValidatingAdmissionWebhook']) {
      assert.match(output.stdout, new RegExp(`enable-admission-plugins=[^"]*\\b${plugin}\\b`));
    }
  });

  await t.test('a claim without a class comes back with the default class, and binds', async () => {
    await cluster.apply(guideBlock('kind: PersistentVolumeClaim'));
    const yaml = await cluster.kubectl('get', 'pvc', 'my-claim', '-o', 'yaml');
    const name = /storageClassName: (\S+)/.exec(yaml)?.[1] ?? '';
    assert.match(await cluster.kubectl('get', 'storageclass'), new RegExp(`${name} \\(default\\)`));
    await cluster.apply(podWithClaim);
    await eventually(async () => assert.equal(await cluster.kubectl('get', 'pvc', 'my-claim', '-o', 'jsonpath={.status.phase}'), 'Bound'), { timeoutMs: 10_000 });
    await cluster.kubectl('delete', 'pod', 'claimant', '--grace-period=1');
  });

  await t.test('a quota refuses a pod without requests and one over the rest, in Kubernetes’ words', async () => {
    await cluster.kubectl('create', 'namespace', 'quota');
    await cluster.apply(guideBlock('kind: ResourceQuota').replace('namespace: default', 'namespace: quota'));
    await eventually(async () => assert.match(await cluster.kubectl('get', 'quota', 'mem-cpu-quota', '-n', 'quota', '-o', 'jsonpath={.status.used}'), /requests\.cpu/), { timeoutMs: 5000 });
    const bare = await cluster.tryKubectl(['run', 'bare', '-n', 'quota', '--image=curlimages/curl', '--command', '--', 'sleep', 'infinity']);
    assert.notEqual(bare.code, 0);
    assert.match(bare.stderr, /pods "bare" is forbidden: failed quota: mem-cpu-quota: must specify requests\.cpu for: bare; requests\.memory for: bare/);
    assert.equal((await cluster.tryKubectl(['apply', '-n', 'quota', '-f', '-'], { input: podWithRequests('test-pod', '500m', '1Gi') })).code, 0);
    const second = await cluster.tryKubectl(['apply', '-n', 'quota', '-f', '-'], { input: podWithRequests('second', '750m', '1Gi') });
    assert.match(second.stderr, /pods "second" is forbidden: exceeded quota: mem-cpu-quota, requested: requests\.cpu=750m, used: requests\.cpu=500m, limited: requests\.cpu=1/);
    const described = await cluster.kubectl('describe', 'quota', '-n', 'quota');
    assert.match(described, /requests\.cpu\s+500m\s+1\n/);
    assert.match(described, /requests\.memory\s+1Gi\s+2Gi/);
  });

  await t.test('a quota in Bookinfo’s own namespace blocks new pods visibly, and only new ones', async () => {
    await cluster.apply(guideBlock('kind: ResourceQuota'));
    await eventually(async () => assert.match(await cluster.kubectl('get', 'quota', 'mem-cpu-quota', '-o', 'jsonpath={.status.used}'), /requests\.cpu/), { timeoutMs: 5000 });
    await cluster.kubectl('rollout', 'restart', 'deployment/details-v1');
    await eventually(async () => {
      const events = await cluster.kubectl('get', 'events', '--field-selector', 'reason=FailedCreate');
      assert.match(events, /failed quota: mem-cpu-quota: must specify requests\.cpu for: details/);
    }, { timeoutMs: 10_000 });
    assert.match(await cluster.kubectl('get', 'pods', '-l', 'app=details'), /2\/2\s+Running/);
    await cluster.kubectl('delete', 'quota', 'mem-cpu-quota');
    await cluster.kubectl('rollout', 'status', 'deployment/details-v1', '--timeout=60s');
  });

  await t.test('the injector and the validator are registered where kubectl shows them', async () => {
    assert.match(await cluster.kubectl('get', 'mutatingwebhookconfigurations'), /istio-sidecar-injector/);
    assert.match(await cluster.kubectl('get', 'validatingwebhookconfigurations'), /istio-validator-istio-system/);
  });
}

const podWithRequests = (name: string, cpu: string, memory: string) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers:
  - name: app
    image: curlimages/curl
    command: [sleep, infinity]
    resources: {requests: {cpu: ${cpu}, memory: ${memory}}}
`;

const podWithClaim = `apiVersion: v1
kind: Pod
metadata: {name: claimant, annotations: {sidecar.istio.io/inject: "false"}}
spec:
  containers:
  - name: app
    image: curlimages/curl
    command: [sleep, infinity]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: my-claim}}]
`;
