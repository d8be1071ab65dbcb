import assert from 'node:assert/strict';
import { FieldManagers, type Manager } from '../../../src/kube/apply/managers.ts';
import { TypedView } from '../../../src/kube/apply/typed.ts';
import type { KubeObject } from '../../../src/kube/object.ts';
import { PatchError } from '../../../src/kube/patch/errors.ts';
import { applyJsonPatch } from '../../../src/kube/patch/json-patch.ts';
import { applyMergePatch } from '../../../src/kube/patch/merge-patch.ts';
import { applyStrategicMerge } from '../../../src/kube/patch/strategic-merge.ts';
import { ProtobufDecoder } from '../../../src/kube/protobuf/decode.ts';
import { addQuantities, canonicalQuantity, compareQuantities, formatQuantity, parseQuantity } from '../../../src/kube/quantity.ts';
import { builtinSchemas, refTo } from '../../../src/kube/schema/builtin.ts';
import { decodeBuiltin } from '../../../src/kube/schema/decode.ts';
import { isObject } from '../../../src/kube/schema/schema.ts';
import { formatSelector, matchesLabels, parseFieldSelector, parseSelector } from '../../../src/kube/selectors.ts';
import { allowing, json, parsedJson, text, type Target } from '../target.ts';

const POD = {
  apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', labels: { app: 'web' }, finalizers: ['x'] },
  spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }], env: [{ name: 'X', value: '1' }] }], volumes: [{ name: 'v', emptyDir: {} }], tolerations: [{ key: 'k' }] },
};
const SCHEMA = refTo('io.k8s.api.core.v1.Pod');

/** Runs with documents of its own, and checks that neither was changed and that nothing leaked into all objects. */
function untouched(inputs: readonly unknown[], run: () => void): void {
  const before = JSON.stringify(inputs);
  run();
  assert.equal(JSON.stringify(inputs), before, 'the inputs are as they were');
  assert.deepEqual(Object.keys(Object.prototype), []);
  for (const key in {}) assert.fail(`every object has ${key} now`);
}

/** Nothing but what JSON has: no key has become a prototype. */
function plainJson(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  assert.ok(Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype, 'a member became a prototype');
  for (const member of Object.values(value)) plainJson(member);
}

const jsonPatch: Target = {
  name: 'json-patch',
  words: ['"op":"', 'add', 'remove', 'replace', 'move', 'copy', 'test', '"path":"/', '"from":"', '/-', '/0', '~1', '~0', '/spec/containers/0', '/metadata'],
  seeds: [
    json([{ op: 'add', path: '/metadata/labels/x', value: 'y' }, { op: 'replace', path: '/spec/containers/0/image', value: 'z' }, { op: 'remove', path: '/spec/volumes/0' }]),
    json([{ op: 'move', from: '/metadata/labels', path: '/metadata/annotations' }, { op: 'copy', from: '/spec/containers/0', path: '/spec/containers/-' }, { op: 'test', path: '/metadata/name', value: 'a' }]),
  ],
  check(input) {
    const patch = parsedJson(input);
    if (patch !== undefined) untouched([POD, patch], () => allowing(PatchError, () => applyJsonPatch(POD, patch)));
  },
};

const mergePatch: Target = {
  name: 'merge-patch',
  words: ['null', '"metadata":{', '"__proto__":{"a":1}', ','],
  seeds: [json({ metadata: { labels: { app: null, x: 'y' } }, spec: { containers: [] } }), json({ spec: null }), text('{"__proto__":{"a":1},"constructor":{"b":2}}')],
  check(input) {
    const patch = parsedJson(input);
    if (patch === undefined) return;
    untouched([POD, patch], () => {
      const once = applyMergePatch(POD, patch);
      assert.deepEqual(applyMergePatch(once, patch), once, 'applying it again changes nothing');
      plainJson(once);
    });
  },
};

const strategic: Target = {
  name: 'strategic-merge',
  words: ['"$patch":"delete"', '"$patch":"replace"', '"$retainKeys":["name"]', '"$setElementOrder/containers":[{"name":"c"}]', '"$deleteFromPrimitiveList/finalizers":["x"]', 'null', ','],
  seeds: [
    json({ spec: { containers: [{ name: 'c', image: 'j' }, { name: 'd' }], '$setElementOrder/containers': [{ name: 'd' }, { name: 'c' }] } }),
    json({ metadata: { '$deleteFromPrimitiveList/finalizers': ['x'], labels: { $patch: 'replace', a: 'b' } }, spec: { volumes: [{ $patch: 'delete', name: 'v' }] } }),
    json({ spec: { containers: [{ name: 'c', env: [{ name: 'X', $patch: 'delete' }], ports: [{ containerPort: 81, $retainKeys: ['containerPort'] }] }] } }),
  ],
  check(input) {
    const patch = parsedJson(input);
    if (!isObject(patch)) return;
    untouched([POD, patch], () => {
      const result = allowing(PatchError, () => applyStrategicMerge(POD, patch, SCHEMA, builtinSchemas));
      plainJson(result);
    });
  },
};

const managers = new FieldManagers(new TypedView(builtinSchemas), SCHEMA);
const by = (manager: string): Manager => ({ manager, operation: 'Apply', apiVersion: 'v1', time: '2026-01-01T00:00:00Z' });

/** As the server does: decoded by the schema first, then merged. */
const serverSideApply: Target = {
  name: 'server-side-apply',
  words: ['"containers":[', '{"name":"c"}', '"ports":[{"containerPort":80}]', '"finalizers":["x","x"]', 'null', ','],
  seeds: [json(POD), json({ ...POD, metadata: { name: 'a', annotations: { k: 'v' } }, spec: { containers: [{ name: 'd' }] } })],
  check(input) {
    const raw = parsedJson(input);
    if (!isObject(raw)) return;
    const decoded = decodeBuiltin(raw, SCHEMA, builtinSchemas);
    const errors = (decoded as unknown as { errors?: readonly unknown[] }).errors ?? [];
    if (errors.length > 0) return;
    const config = (decoded as unknown as { value: KubeObject }).value;
    const live = { ...POD, metadata: { ...POD.metadata, uid: 'u' } } as unknown as KubeObject;
    allowing(PatchError, () => {
      const first = managers.apply(config, { live, by: by('one') }, true);
      assert.ok('object' in first, 'force leaves no conflict');
      const held = { ...first.object, metadata: { ...first.object.metadata, managedFields: first.managedFields } } as KubeObject;
      const again = managers.apply(config, { live: held, by: by('one') }, false);
      assert.ok('object' in again, 'nobody conflicts with himself');
      assert.deepEqual({ ...again.object, metadata: { ...again.object.metadata, managedFields: undefined } }, { ...first.object, metadata: { ...first.object.metadata, managedFields: undefined } }, 'applying it again changes nothing');
    });
  },
};

const decoder = new ProtobufDecoder(builtinSchemas);

/** `k8s\0`, then the envelope with a ConfigMap. */
const CONFIG_MAP = Buffer.concat([text('k8s\0'), Buffer.from([0x0a, 0x0f, 0x0a, 2]), text('v1'), Buffer.from([0x12, 9]), text('ConfigMap'), Buffer.from([0x12, 0x0d, 0x0a, 3, 0x0a, 1]), text('a'), Buffer.from([0x12, 6, 0x0a, 1]), text('x'), Buffer.from([0x12, 1]), text('1')]);
const podBytes = (() => {
  const field = (number: number, body: Buffer) => Buffer.concat([Buffer.from([(number << 3) | 2, body.length]), body]);
  const container = Buffer.concat([field(1, text('c')), field(2, text('i')), field(8, field(2, Buffer.concat([field(1, text('cpu')), field(2, field(1, text('1')))])))]);
  const pod = Buffer.concat([field(1, field(1, text('a'))), field(2, Buffer.concat([field(2, container), field(1, Buffer.concat([field(1, text('v')), field(2, field(2, Buffer.alloc(0)))]))]))]);
  return Buffer.concat([text('k8s\0'), field(1, Buffer.concat([field(1, text('v1')), field(2, text('Pod'))])), field(2, pod)]);
})();
assert.deepEqual(decoder.decode(CONFIG_MAP), { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { x: '1' } });
assert.equal((decoder.decode(podBytes) as { kind: string }).kind, 'Pod');

const protobuf: Target = {
  name: 'kubernetes-protobuf',
  seeds: [CONFIG_MAP, podBytes],
  check: (input) => void allowing(PatchError, () => decoder.decode(input)),
};

const selectors: Target = {
  name: 'selectors',
  words: [' in (', ' notin (', '!', '!=', '==', '>', '<', ',', ')', '(', 'metadata.name='],
  seeds: ['a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1', 'app.kubernetes.io/name=web', 'metadata.name=x,status.phase!=Running'].map(text),
  check(input) {
    const source = input.toString('utf8');
    const parsed = parseSelector(source);
    if ('ok' in parsed) {
      matchesLabels(parsed.ok, { a: 'b', l: '2' });
      const again = parseSelector(formatSelector(parsed.ok));
      assert.ok('ok' in again, `its own text is read again: ${formatSelector(parsed.ok)}`);
      assert.equal(formatSelector(again.ok), formatSelector(parsed.ok));
    }
    parseFieldSelector(source);
  },
};

const quantities: Target = {
  name: 'quantities',
  words: ['Ki', 'Mi', 'Ei', 'm', 'n', 'u', 'E', 'e3', 'e-3', '.', '-', '+', '0.000000001', '999999999999999999999999'],
  seeds: ['500m', '1.5Gi', '2e3', '-1', '100n', '0.1', '12E'].map(text),
  check(input) {
    const source = input.toString('utf8');
    const quantity = parseQuantity(source);
    if (!quantity) return;
    const again = parseQuantity(formatQuantity(quantity));
    assert.ok(again, `its own text is read again: ${formatQuantity(quantity)}`);
    assert.equal(compareQuantities(again, quantity), 0, `${source} is ${formatQuantity(quantity)}`);
    assert.equal(canonicalQuantity(canonicalQuantity(source)), canonicalQuantity(source));
    assert.equal(compareQuantities(addQuantities(quantity, quantity), quantity) >= 0, quantity.nanos >= 0n);
  },
};

export const targets: readonly Target[] = [jsonPatch, mergePatch, strategic, serverSideApply, protobuf, selectors, quantities];
