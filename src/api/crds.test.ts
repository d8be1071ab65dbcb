import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { renderCrds } from './crds.ts';

type Node = Record<string, unknown>;
interface Crd {
  metadata: { name: string };
  spec: { scope: string; group: string; names: Node; versions: { name: string; served: boolean; storage: boolean; subresources: unknown; additionalPrinterColumns?: Node[]; schema: { openAPIV3Schema: Node } }[] };
}

const byName = (crds: Crd[]) => new Map(crds.map((crd) => [crd.metadata.name, crd]));
const theirs = byName(
  parseAllDocuments(readFileSync(new URL('../../../shared/data/crds/istio-crds.yaml', import.meta.url), 'utf8'))
    .map((document) => document.toJS() as Crd | null)
    .filter((crd): crd is Crd => crd !== null),
);
// The rendered value is plain JSON; the cast only forgets its static type.
const ours = byName(structuredClone(renderCrds()) as unknown as Crd[]);

/** Every path of a schema with what is said about it, wording left out and lists sorted where order means nothing. */
function facts(schema: Node, path: string, out = new Map<string, string>()): Map<string, string> {
  const { properties = {}, items, additionalProperties, description: _, ...rest } = schema as { properties?: Record<string, Node>; items?: Node; additionalProperties?: Node } & Node;
  const said: Node = { ...rest };
  if (Array.isArray(said['required'])) said['required'] = [...(said['required'] as string[])].sort();
  if (Array.isArray(said['enum'])) said['enum'] = [...(said['enum'] as string[])].sort();
  for (const union of ['oneOf', 'allOf']) if (said[union]) said[union] = canonicalUnion(said[union]);
  // Rules are written our own way: what is compared is that there are as many of them.
  const rules = said['x-kubernetes-validations'] as unknown[] | undefined;
  if (rules) said['x-kubernetes-validations'] = rules.length;
  out.set(path, JSON.stringify(Object.fromEntries(Object.entries(said).sort(([a], [b]) => (a < b ? -1 : 1)))));
  for (const [name, child] of Object.entries(properties)) facts(child, `${path}.${name}`, out);
  if (items) facts(items, `${path}[]`, out);
  if (additionalProperties && typeof additionalProperties === 'object') facts(additionalProperties, `${path}{}`, out);
  return out;
}

/** The names in a "none or exactly one" group, sorted, whatever the order they are written in. */
function canonicalUnion(union: unknown): unknown {
  const names = [...JSON.stringify(union).matchAll(/"required":\["(\w+)"\]/g)].map((match) => match[1]);
  return [...new Set(names)].sort();
}

test('there is one CRD for each of Istio’s kinds and no other', () => {
  assert.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort());
  assert.equal(ours.size, 15);
});

const AGE_COLUMN = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

for (const [name, their] of theirs) {
  test(`${name} has the names, versions and columns of Istio’s`, () => {
    const our = ours.get(name);
    assert.ok(our);
    assert.equal(our.spec.scope, their.spec.scope);
    assert.deepEqual(our.spec.names, their.spec.names);
    const shape = (crd: Crd) =>
      crd.spec.versions
        .map((version) => ({
          name: version.name,
          served: version.served,
          storage: version.storage,
          subresources: version.subresources,
          // Where a kind has none, API servers show its age; ours of the wide table only come on top.
          columns: (version.additionalPrinterColumns ?? [AGE_COLUMN]).filter(({ priority = 0 }) => priority === 0).map(({ name, type, jsonPath }) => ({ name, type, jsonPath })),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(shape(our), shape(their));
  });

  test(`${name} has every field of Istio’s with the same type, limits and number of rules, and no other field`, () => {
    const our = ours.get(name);
    assert.ok(our);
    for (const version of their.spec.versions) {
      const mine: Crd['spec']['versions'][number] | undefined = our.spec.versions.find((candidate) => candidate.name === version.name);
      assert.ok(mine);
      const want = facts(version.schema.openAPIV3Schema, '');
      assert.ok(want.size > 10);
      assert.deepEqual(Object.fromEntries(facts(mine.schema.openAPIV3Schema, '')), Object.fromEntries(want));
    }
  });
}
