import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainYamlError, readObjects } from './yaml.ts';
import { validateText } from './validation/validate-text.ts';

/** A rule whose fields stand beside metadata and spec, with a list item that is indented one space too far. */
const FLAT = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
name: web
spec:
host: web
subsets:
- name: v1
   labels:
      version: v1
trafficPolicy:
   loadBalancer:
      simple: ROUND_ROBIN
`;

test('a flattened object is explained by line and by the indentation that it needs', () => {
  assert.deepEqual(explainYamlError(FLAT).split('\n'), [
    'line 9: "labels" is indented by 3 spaces, but "name" in line 8 begins at 2 spaces and has its value already; indent "labels" by 2 spaces to stand beside it',
    'line 3: "metadata:" has nothing in it; name belongs under it: indent line 4 by 2 more spaces',
    'line 5: "spec:" has nothing in it; host, subsets, trafficPolicy belong under it: indent lines 6 to 13 by 2 more spaces',
  ]);
});

test('when the YAML is well-formed, the fields say where they belong', () => {
  const found = validateText(FLAT.replace('   labels:\n      version', '  labels:\n    version'));
  assert.deepEqual(
    found.map(({ path, message }) => `${path}: ${message}`),
    ['metadata: is required', 'name: unknown field "name", it belongs under metadata', 'host: unknown field "host", it belongs under spec', 'subsets: unknown field "subsets", it belongs under spec', 'trafficPolicy: unknown field "trafficPolicy", it belongs under spec'],
  );
});

test('the same object with its fields in place is valid', () => {
  const fixed = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: web
spec:
  host: web
  subsets:
  - name: v1
    labels:
      version: v1
  trafficPolicy:
    loadBalancer:
      simple: ROUND_ROBIN
`;
  assert.deepEqual(validateText(fixed), []);
});

test('settings beside tcp and http say that they belong under them', () => {
  const rule = (pool: string) => `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web}\nspec:\n  host: web\n  trafficPolicy:\n    connectionPool:\n${pool}`;
  const found = validateText(rule('      tcp:\n      maxConnections: 100\n      http:\n      http2MaxRequests: 1000\n'));
  assert.deepEqual(
    found.map(({ message }) => message),
    ['unknown field "maxConnections", it belongs under tcp', 'unknown field "http2MaxRequests", it belongs under http'],
  );
});

const CASES: readonly (readonly [string, string, RegExp])[] = [
  ['a line that is deeper than its finished neighbour', 'a:\n  b: 1\n   c: 2\n', /^line 3: "c" is indented by 3 spaces, but "b" in line 2 begins at 2 spaces/],
  ['a line that is too shallow for its item', 'a:\n- x: 1\n y: 2\n', /^line 3: "y" is indented by 1 space.*indent "y" by 2 spaces/],
  ['a tab', 'a:\n\tb: 1\n', /^line 2: is indented with a tab/],
  ['a quote without end', 'a: "x\nb: 1', /^line 2: Missing closing/],
  ['two keys in a line', 'a: b: c', /^line 1: Nested mappings are not allowed/],
  ['a mistake in the second document', 'a: 1\n---\nb:\n  c: 1\n   d: 2\n', /^line 5: "d" is indented by 3 spaces/],
  ['nothing wrong', 'a: 1\n', /^the YAML is well-formed$/],
];
for (const [name, text, want] of CASES) test(`${name} is told with its line`, () => assert.match(explainYamlError(text), want));

test('a file of several objects gives each with its line, lists opened', () => {
  const { objects, problems } = readObjects('kind: A\n---\n---\nkind: List\nitems:\n- kind: B\n- kind: C\n---\njust text\n');
  assert.deepEqual(objects.map(({ object, line }) => [object.kind, line]), [['A', 1], ['B', 4], ['C', 4]]);
  assert.deepEqual(problems, ['line 9: an object with apiVersion, kind and metadata is expected, not "just text"']);
});

for (const [name, text] of [
  ['an alias of nothing', '*-'],
  ['aliases of aliases without end', `a: &a [x]\n${Array.from({ length: 9 }, (_, i) => `${'bcdefghij'[i]}: &${'bcdefghij'[i]} [${Array.from({ length: 9 }, () => `*${'abcdefghi'[i]}`).join(', ')}]`).join('\n')}\n`],
] as const) {
  test(`${name} is a problem with its line`, () => {
    const { objects, problems } = readObjects(text);
    assert.deepEqual(objects, []);
    assert.match(problems.join('\n'), /^line 1: /);
  });
}
