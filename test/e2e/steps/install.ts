import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { guideBlock } from '../guide.ts';
import type { TestCluster } from '../harness.ts';
import { listPods, platform, waitForPods } from './bookinfo.ts';

/** Steps 1 to 3: the guide's first commands, word for word.
 * @param more arguments of `install` that the guide has not */
export async function installAndInject(t: TestContext, cluster: TestCluster, more: readonly string[]): Promise<void> {
  await t.test('a profile that does not exist is answered with those that do', async () => {
    const output = await cluster.tryLateen('install', '--set', 'profile=production', '-y');
    assert.notEqual(output.code, 0);
    for (const name of ['default', 'demo', 'minimal', 'empty']) assert.match(output.stderr + output.stdout, new RegExp(`\\b${name}\\b`));
  });

  await t.test('istioctl install --set profile=demo -y, twice', async () => {
    const [, ...args] = (guideBlock('istioctl install').match(/istioctl .*/)?.[0] ?? '').split(' ');
    assert.deepEqual(args, ['install', '--set', 'profile=demo', '-y']);
    args.push(...more);
    await cluster.lateen(...args);
    const before = await cluster.getJson<{ items: { metadata: { name: string; generation: number } }[] }>('deploy', '-n', 'istio-system');
    assert.deepEqual(before.items.map((d) => d.metadata.name).sort(), ['istio-egressgateway', 'istio-ingressgateway', 'istiod', 'lateen-console', 'lateen-observe']);
    await cluster.lateen(...args);
    const after = await cluster.getJson<typeof before>('deploy', '-n', 'istio-system');
    assert.deepEqual(after.items.map((d) => [d.metadata.name, d.metadata.generation]), before.items.map((d) => [d.metadata.name, d.metadata.generation]), 'the second install changed nothing');
    await waitForPods(cluster, '1/1', ['-n', 'istio-system']);
    await cluster.kubectl('get', 'svc', 'istiod', '-n', 'istio-system');
    assert.match(await cluster.lateen('version'), /client version: \S+\ncontrol plane version: \S+/);
  });

  await t.test('a pod created before the label stays without a sidecar', async () => {
    await cluster.apply(PLAIN_CLIENT);
    await waitForPods(cluster, '1/1', ['-l', 'app=before']);
    await cluster.kubectl('label', 'namespace', 'default', 'istio-injection=enabled');
    assert.deepEqual((await listPods(cluster, '-l', 'app=before')).map((pod) => pod.ready), ['1/1']);
  });

  await t.test('every Bookinfo pod reaches 2/2 Running', async () => {
    await cluster.kubectl('apply', '-f', platform('bookinfo.yaml'));
    const pods = await waitForPods(cluster, '2/2', ['-l', 'app in (details,ratings,reviews,productpage)']);
    assert.equal(pods.length, 6);
  });

  await t.test('get, describe, logs and edit show what they show on a cluster', async () => {
    const wide = await cluster.kubectl('get', 'pods,svc,deploy', '-o', 'wide');
    for (const column of ['READY', 'RESTARTS', 'NODE', 'CLUSTER-IP', 'SELECTOR', 'UP-TO-DATE', 'IMAGES']) assert.match(wide, new RegExp(column));
    const pod = (await listPods(cluster, '-l', 'app=details'))[0]?.name ?? '';
    const described = await cluster.kubectl('describe', 'pod', pod);
    for (const part of [/istio-proxy:/, /istio-init:/, /Events:/, /Started container details|Container started/, /Service Account:\s+bookinfo-details/]) assert.match(described, part);
    assert.match(await cluster.kubectl('logs', pod), /listening on 9080/);
    await cluster.kubectl('logs', pod, '-c', 'istio-proxy');
    const edited = await cluster.tryKubectl(['edit', 'pod', pod], { env: { KUBE_EDITOR: 'cat' } });
    assert.equal(edited.code, 0, edited.stderr);
    assert.match(edited.stdout, /name: istio-proxy/);
    assert.match(edited.stdout + edited.stderr, /no changes made/);
  });

  await t.test('proxy-status names every sidecar, proxy-config reads one', async () => {
    const status = await cluster.lateen('proxy-status');
    for (const name of ['details-v1', 'productpage-v1', 'istio-ingressgateway']) assert.match(status, new RegExp(name));
    const pod = (await listPods(cluster, '-l', 'app=productpage'))[0]?.name ?? '';
    assert.match(await cluster.lateen('proxy-config', 'cluster', pod), /reviews\.default\.svc\.cluster\.local\s+9080/);
    assert.match(await cluster.lateen('pc', 'listener', pod), /15006/);
    assert.match(await cluster.lateen('pc', 'endpoint', pod, '--cluster', 'outbound|9080||reviews.default.svc.cluster.local'), /HEALTHY/);
    assert.match(await cluster.lateen('pc', 'secret', pod), /default\s+Cert Chain\s+ACTIVE\s+true/);
    assert.match(await cluster.lateen('pc', 'route', pod, '--name', '9080'), /reviews/);
  });
}

const PLAIN_CLIENT = `apiVersion: apps/v1
kind: Deployment
metadata: {name: before}
spec:
  selector: {matchLabels: {app: before}}
  template:
    metadata: {labels: {app: before}}
    spec:
      containers:
      - {name: curl, image: curlimages/curl, command: [/bin/sleep, infinity]}
`;
