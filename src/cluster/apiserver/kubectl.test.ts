/** A stock kubectl against the API server: what people type, and what they see. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { unpackedTool } from './kubectl-binary.ts';
import type { PodStreams } from './pod-streams.ts';
import { startApi, startHttp } from './test-server.ts';

interface Run {
  code: number;
  out: string;
  err: string;
}

async function setUp(t: TestContext, podStreams?: PodStreams) {
  const program = resolve(unpackedTool('kubectl'));
  const api = await startApi(t, { allowAll: true, podStreams });
  const { url } = await startHttp(t, api);
  const folder = mkdtempSync(join(tmpdir(), 'kubectl-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'config');
  writeFileSync(config, JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters: [{ name: 'c', cluster: { server: url } }], contexts: [{ name: 'c', context: { cluster: 'c' } }], 'current-context': 'c' }));
  const start = (args: readonly string[]) => spawn(program, args, { env: { ...process.env, KUBECONFIG: config, HOME: folder, KUBE_EDITOR: 'sed -i s/one/two/' } });
  const kubectl = (line: string, stdin = ''): Promise<Run> => new Promise((done) => {
    const child = start(line.split(' '));
    const run: Run = { code: 0, out: '', err: '' };
    child.stdout.on('data', (chunk) => void (run.out += String(chunk)));
    child.stderr.on('data', (chunk) => void (run.err += String(chunk)));
    child.on('close', (code) => done({ ...run, code: code ?? 1 }));
    child.stdin.end(stdin);
  });
  return { api, kubectl, start };
}

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1", ports: [{containerPort: 80}]}]}
`;

test('apply, again, changed, get, scale, explain, diff, delete', async (t) => {
  const { kubectl } = await setUp(t);
  assert.equal((await kubectl('apply -f -', DEPLOYMENT)).out, 'deployment.apps/web created\n');
  assert.equal((await kubectl('apply -f -', DEPLOYMENT)).out, 'deployment.apps/web unchanged\n');
  const changed = DEPLOYMENT.replace('nginx:1', 'nginx:2').replace('replicas: 2', 'replicas: 3');
  const diff = await kubectl('diff -f -', changed);
  assert.equal(diff.code, 1);
  assert.match(diff.out, /^-\s+- image: nginx:1$/m);
  assert.equal((await kubectl('apply -f -', changed)).out, 'deployment.apps/web configured\n');
  assert.match((await kubectl('get deploy web -o wide')).out, /^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\s+CONTAINERS\s+IMAGES\s+SELECTOR\nweb\s+0\/3\s+0\s+0\s+\d+s\s+web\s+nginx:2\s+app=web\n$/);
  assert.equal((await kubectl('scale deploy web --replicas=1')).out, 'deployment.apps/web scaled\n');
  assert.equal((await kubectl('get deploy web -o jsonpath={.spec.replicas}')).out, '1');
  assert.match((await kubectl('explain deployment.spec.replicas')).out, /FIELD: replicas <integer>/);
  assert.match((await kubectl('delete deploy web')).out, /deployment.apps "web" deleted/);
  assert.match((await kubectl('get deploy')).err, /No resources found in default namespace/);
});

test('a List is applied item by item, and each item is checked', async (t) => {
  const { kubectl } = await setUp(t);
  const list = (...items: object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const configMap = (name: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more });
  const { err, out } = await kubectl('apply -f -', list(configMap('a'), configMap('b')));
  assert.deepEqual([err, out], ['', 'configmap/a created\nconfigmap/b created\n']);
  assert.match((await kubectl('apply -f -', list(configMap('c', { date: {} })))).err, /unknown field "date"/);
});

test('the generators, which send protobuf', async (t) => {
  const { kubectl } = await setUp(t);
  for (const [line, out] of [
    ['create namespace shop', 'namespace/shop created\n'],
    ['create configmap c --from-literal=key=one', 'configmap/c created\n'],
    ['create secret generic s --from-literal=a=b', 'secret/s created\n'],
    ['create serviceaccount sa', 'serviceaccount/sa created\n'],
    ['create deployment d --image=nginx --replicas=2 --port=80', 'deployment.apps/d created\n'],
    ['create service clusterip svc --tcp=80:8080', 'service/svc created\n'],
    ['create job j --image=busybox -- echo hi', 'job.batch/j created\n'],
    ['create cronjob cj --image=busybox --schedule=*/5 * * * *', undefined],
    ['create quota q --hard=cpu=1,memory=1Gi', 'resourcequota/q created\n'],
    ['create role r --verb=get --resource=pods', 'role.rbac.authorization.k8s.io/r created\n'],
    ['create ingress i --rule=host/path=svc:80', 'ingress.networking.k8s.io/i created\n'],
    ['run p --image=nginx --labels=a=b', 'pod/p created\n'],
    ['expose deploy d --port=80 --target-port=8080', 'service/d exposed\n'],
    ['autoscale deploy d --max=3', 'horizontalpodautoscaler.autoscaling/d autoscaled\n'],
  ] as const) {
    if (out !== undefined) assert.equal((await kubectl(line)).out, out, line);
  }
  assert.equal((await kubectl('get deploy d -o jsonpath={.spec.replicas}{.spec.template.spec.containers[0].ports}')).out, '2[{"containerPort":80,"protocol":"TCP"}]');
  assert.equal((await kubectl('get svc svc -o jsonpath={.spec.ports[0].targetPort}')).out, '8080');
  assert.equal((await kubectl('get secret s -o jsonpath={.data.a}')).out, 'Yg==');
  assert.match((await kubectl('create token sa')).out, /^ey[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.equal((await kubectl('auth can-i list pods')).out, 'yes\n');
});

test('edit, label, annotate, patch, replace and set', async (t) => {
  const { kubectl } = await setUp(t);
  await kubectl('create configmap c --from-literal=key=one');
  assert.equal((await kubectl('edit configmap c')).out, 'configmap/c edited\n');
  assert.equal((await kubectl('get cm c -o jsonpath={.data.key}')).out, 'two');
  assert.equal((await kubectl('label cm c x=y')).out, 'configmap/c labeled\n');
  assert.equal((await kubectl('annotate cm c note=z')).out, 'configmap/c annotated\n');
  assert.equal((await kubectl('patch cm c --type=json -p [{"op":"add","path":"/data/more","value":"1"}]')).out, 'configmap/c patched\n');
  assert.equal((await kubectl('get cm -l x=y -o name')).out, 'configmap/c\n');
  await kubectl('apply -f -', DEPLOYMENT);
  assert.equal((await kubectl('set image deploy/web web=nginx:9')).out, 'deployment.apps/web image updated\n');
  assert.equal((await kubectl('set env deploy/web A=B')).out, 'deployment.apps/web env updated\n');
  assert.equal((await kubectl('get deploy web -o jsonpath={.spec.template.spec.containers[0].image},{.spec.template.spec.containers[0].env},{.metadata.generation}')).out, 'nginx:9,[{"name":"A","value":"B"}],3');
});

test('server-side apply names the owner of a conflict, and force takes over', async (t) => {
  const { kubectl } = await setUp(t);
  assert.equal((await kubectl('apply --server-side --field-manager=one -f -', DEPLOYMENT)).out, 'deployment.apps/web serverside-applied\n');
  const refused = await kubectl('apply --server-side --field-manager=two -f -', DEPLOYMENT.replace('replicas: 2', 'replicas: 5'));
  assert.equal(refused.code, 1);
  assert.match(refused.err, /Apply failed with 1 conflict: conflict with "one": \.spec\.replicas/);
  assert.equal((await kubectl('apply --server-side --field-manager=two --force-conflicts -f -', DEPLOYMENT.replace('replicas: 2', 'replicas: 5'))).code, 0);
  assert.equal((await kubectl('get deploy web -o jsonpath={.spec.replicas}')).out, '5');
});

test('mistakes are named with their place', async (t) => {
  const { kubectl } = await setUp(t);
  const unknown = await kubectl('apply -f -', DEPLOYMENT.replace('replicas', 'replica'));
  assert.match(unknown.err, /strict decoding error: unknown field "spec.replica"/);
  const wrong = await kubectl('apply -f -', DEPLOYMENT.replace('replicas: 2', 'replicas: two'));
  assert.match(wrong.err, /json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32/);
  const warned = await kubectl('apply --validate=warn -f -', DEPLOYMENT.replace('replicas', 'replica'));
  assert.match(warned.err, /Warning: unknown field "spec.replica"/);
  assert.match((await kubectl('create configmap Bad')).err, /metadata.name: Invalid value: "Bad": a lowercase RFC 1123 subdomain must consist of/);
});

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns: [{name: Replicas, type: integer, jsonPath: .spec.replicas}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            x-kubernetes-validations: [{rule: "self.replicas <= self.max", message: too many}]
            properties:
              size: {type: string, enum: [small, large]}
              replicas: {type: integer, minimum: 0, default: 1}
              max: {type: integer, default: 5}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
`;
const widget = (spec: string) => `{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}, spec: ${spec}}`;

test('a custom resource: definition, defaults, columns, rules, scale, removal', async (t) => {
  const { kubectl } = await setUp(t);
  await kubectl('apply -f -', DEFINITION);
  assert.match((await kubectl('wait --for=condition=Established crd/widgets.example.com')).out, /condition met/);
  assert.match((await kubectl('apply -f -', widget('{size: huge}'))).err, /spec.size: Unsupported value: "huge": supported values: "large", "small"/);
  assert.match((await kubectl('apply -f -', widget('{}'))).err, /spec.size: Required value/);
  assert.match((await kubectl('apply -f -', widget('{size: small, replicas: 9}'))).err, /spec: Invalid value: "object": too many/);
  assert.match((await kubectl('apply -f -', widget('{size: small, replicas: a}'))).err, /spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"/);
  assert.match((await kubectl('apply -f -', widget('{size: small, sizes: 1}'))).err, /strict decoding error: unknown field "spec.sizes"/);
  assert.equal((await kubectl('apply -f -', widget('{size: small}'))).out, 'widget.example.com/w created\n');
  assert.match((await kubectl('get wd')).out, /^NAME\s+REPLICAS\nw\s+1\n$/);
  await kubectl('scale widget w --replicas=3');
  assert.equal((await kubectl('get wd w -o jsonpath={.spec.replicas}')).out, '3');
  assert.match((await kubectl('explain widget.spec.size')).out, /ENUM:\s+small\s+large/);
  assert.match((await kubectl('delete crd widgets.example.com')).out, /deleted/);
  assert.notEqual((await kubectl('get --raw /apis/example.com/v1/widgets')).code, 0);
});

test('a watch prints a row for each change', async (t) => {
  const { kubectl, start } = await setUp(t);
  const child = start(['get', 'configmaps', '-w', '--output-watch-events']);
  t.after(() => child.kill());
  let out = '';
  const saw = (pattern: RegExp) => new Promise<void>((done) => child.stdout.on('data', () => {
    if (pattern.test(out)) done();
  }));
  child.stdout.on('data', (chunk) => void (out += String(chunk)));
  const started = new Promise<void>((done) => child.once('spawn', () => done()));
  await started;
  const [added, deleted] = [saw(/ADDED\s+c\s+1/), saw(/DELETED\s+c\s+1/)];
  await kubectl('create configmap c --from-literal=a=b');
  await added;
  await kubectl('delete configmap c');
  await deleted;
});

test('logs, exec with streams and exit code, and port-forward', async (t) => {
  const target = createServer((_request, response) => response.end('from the pod'));
  await new Promise<void>((done) => target.listen(0, '127.0.0.1', done));
  t.after(() => target.close());
  const streams: PodStreams = {
    logs: async (_pod, options) => Readable.from([`container ${options.container} tail ${options.tailLines}\n`]),
    async exec(_pod, options) {
      const [program = '', ...args] = options.command;
      const child = spawn(program, args);
      return { stdin: options.stdin ? child.stdin : undefined, stdout: child.stdout, stderr: child.stderr, resize() {}, exited: new Promise((done) => child.on('close', (code) => done(code ?? 137))), kill: () => child.kill() };
    },
    attach: () => Promise.reject(new Error('not in this test')),
    portForward: async () => connect((target.address() as AddressInfo).port, '127.0.0.1'),
  };
  const { kubectl, start } = await setUp(t, streams);
  await kubectl('run p --image=x');
  await kubectl('patch pod p --subresource=status --type=merge -p {"status":{"phase":"Running"}}');
  assert.equal((await kubectl('logs p --tail=2')).out, 'container p tail 2\n');
  assert.match((await kubectl('logs p -c nope')).err, /container nope is not valid for pod p/);
  assert.equal((await kubectl('exec -i p -- cat', 'through stdin')).out, 'through stdin');
  const failed = await kubectl('exec p -- ls /does-not-exist');
  assert.equal(failed.code, 2);
  assert.match(failed.err, /does-not-exist[\s\S]*command terminated with exit code 2/);
  const forward = start(['port-forward', 'pod/p', ':80']);
  t.after(() => forward.kill());
  const port = await new Promise<string>((done) => forward.stdout.on('data', (chunk) => done(/127\.0\.0\.1:(\d+)/.exec(String(chunk))?.[1] ?? '')));
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'from the pod');
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'from the pod');
});
