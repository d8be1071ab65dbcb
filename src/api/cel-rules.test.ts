/** The CEL rules of our CRDs, evaluated by a CEL engine over objects that Istio's own CRD tests accept and refuse. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { celEnv, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../kube/object.ts';
import { objectSchema } from './crds.ts';
import { issueText } from './issue.ts';
import { KINDS, kindOf } from './kinds.ts';
import { checkRules } from './schema/cel-check.ts';
import { checkValue } from './schema/check.ts';
import type { JsonSchema } from './schema/json-schema.ts';

const env = celEnv({ funcs: strings });
const SUITE = new URL('../../../shared/data/suites/istio-crd-validation/', import.meta.url);

test('every rule of every kind is CEL', () => {
  let count = 0;
  const visit = (schema: JsonSchema): void => {
    for (const { rule } of schema['x-kubernetes-validations'] ?? []) {
      assert.doesNotThrow(() => plan(env, parse(rule)), rule);
      count++;
    }
    for (const child of [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties]) if (child) visit(child);
  };
  for (const kind of KINDS) visit(kind.spec.json);
  assert.ok(count > 150, `only ${count} rules`);
});

/** What the API server says itself is only compared by whether it refuses. */
const OWN_WORDS = /in body|Duplicate value|Unsupported value|Required value|type conversion error|^spec\.ports: Invalid value$|Invalid value$/;

for (const file of readdirSync(SUITE)) {
  const objects = parseAllDocuments(readFileSync(new URL(file, SUITE), 'utf8')).map((document) => document.toJS() as (KubeObject & { _err?: string }) | null);
  objects.forEach((object, index) => {
    if (!object) return;
    const { _err: wanted, ...rest } = object;
    const name = `${object.kind} ${object.metadata?.name ?? index} of ${file}`;
    test(wanted === undefined ? `${name} is accepted` : `${name} is refused: ${wanted}`, () => {
      const kind = kindOf(rest);
      assert.ok(kind, 'the kind is ours');
      const schema = objectSchema(kind);
      const { metadata: _metadata, apiVersion: _version, kind: _kind, ...body } = rest as KubeObject & Record<string, unknown>;
      const found = [...checkValue(schema, body).map(issueText), ...checkRules(schema, body).map(({ path, message }) => `${path}: Invalid value: ${message}`)];
      if (wanted === undefined) return assert.deepEqual(found, []);
      assert.ok(found.length > 0, 'nothing was found');
      const message = /port must be|only support waypointMatch/.exec(wanted)?.[0] ?? wanted;
      if (!OWN_WORDS.test(wanted)) assert.ok(found.some((text) => text.includes(message)), found.join('\n'));
    });
  });
}
