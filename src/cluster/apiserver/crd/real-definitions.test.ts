/** Definitions and objects of real projects: every definition is accepted, every object is judged as its author says. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { CustomResourceDefinition } from 'kubernetes-types/apiextensions/v1.d.ts';
import { KubeApiError } from '../../../kube/client.ts';
import type { KubeObject } from '../../../kube/object.ts';
import { CustomResourceDefinitions, resource } from '../../../kube/resource.ts';
import type { Schema } from '../../../kube/schema/schema.ts';
import { startApi } from '../test-server.ts';
import { CelRules } from './cel.ts';

const DATA = '../shared/data';
const documents = (path: string) => parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as unknown).filter((object) => object !== null);
const definitionsIn = (path: string) => documents(path).filter((object) => (object as KubeObject).kind === 'CustomResourceDefinition') as CustomResourceDefinition[];

const SOURCES: readonly [name: string, definitions: CustomResourceDefinition[]][] = [
  ['Istio', definitionsIn(join(DATA, 'crds/istio-crds.yaml'))],
  ...['standard', 'experimental'].map((channel): [string, CustomResourceDefinition[]] => {
    const folder = join(DATA, `crds/gateway-api-${channel}`);
    return [`Gateway API ${channel}`, readdirSync(folder).filter((file) => file.endsWith('.yaml')).flatMap((file) => definitionsIn(join(folder, file)))];
  }),
];

for (const [name, definitions] of SOURCES) {
  test(`the definitions of ${name} are accepted, and all their CEL rules compile`, async (t) => {
    assert.ok(definitions.length > 5);
    const { client } = await startApi(t);
    const rules = new CelRules();
    for (const definition of definitions) {
      const made = await client.create(CustomResourceDefinitions, definition, { fieldValidation: 'Strict' });
      assert.equal(made.status?.conditions?.find((c) => c.type === 'Established')?.status, 'True', made.metadata.name);
      for (const version of made.spec.versions) assert.deepEqual(rules.problems(version.schema?.openAPIV3Schema as Schema), []);
    }
  });
}

test("Istio's own cases of valid and invalid objects are judged as they say", async (t) => {
  const { client } = await startApi(t);
  const definitions = new Map(SOURCES[0]?.[1].map((definition) => [`${definition.spec.group}/${definition.spec.names.kind}`, definition]));
  for (const definition of definitions.values()) await client.create(CustomResourceDefinitions, definition);
  const folder = join(DATA, 'suites/istio-crd-validation');
  let judged = 0;
  for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.yaml'))) {
    for (const document of documents(join(folder, file))) {
      const { _err: wanted, ...object } = document as KubeObject & { _err?: string };
      const { spec } = definitions.get(`${object.apiVersion?.split('/')[0]}/${object.kind}`) ?? {};
      if (!spec) continue;
      const target = resource(object.apiVersion ?? '', spec.names.plural, spec.names.kind);
      const error = await client.create(target, { ...object, metadata: { ...object.metadata, namespace: 'default' } }, { fieldValidation: 'Strict', dryRun: true })
        .then(() => '', (thrown: unknown) => (thrown instanceof KubeApiError ? thrown.message : String(thrown)));
      const label = `${file} ${object.metadata?.name}`;
      if (wanted) assert.ok(error.includes(wanted), `${label}: wanted "${wanted}", got "${error}"`);
      else assert.equal(error, '', label);
      judged++;
    }
  }
  assert.ok(judged >= 50);
});
