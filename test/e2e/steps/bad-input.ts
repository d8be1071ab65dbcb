import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { guideBlock } from '../guide.ts';
import type { TestCluster } from '../harness.ts';

const virtualService = (spec: string) => `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: bad}\nspec:\n${spec}`;

const CASES: readonly (readonly [name: string, yaml: string, message: RegExp])[] = [
  ['an unknown field', virtualService('  hosts: [bad]\n  htttp: []\n'), /unknown field "spec\.htttp"/],
  ['a wrong type', virtualService('  hosts: bad\n  http: [{route: [{destination: {host: bad}}]}]\n'), /spec\.hosts/],
  ['weights that add up to nothing', virtualService('  hosts: [bad]\n  http:\n  - route:\n    - {destination: {host: a}, weight: 0}\n    - {destination: {host: b}, weight: 0}\n'), /weight/],
  ['a subset that the host’s rule does not have', virtualService('  hosts: [reviews]\n  http: [{route: [{destination: {host: reviews, subset: v9}}]}]\n'), /v9/],
  ['keys at top level that belong under metadata and spec', 'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: misplaced}\nname: my-rule\nhost: reviews\nsubsets: []\n', /unknown field "host"|host.*spec/],
];

/** Refusals that name the field. */
export async function refuseBadInput(t: TestContext, cluster: TestCluster): Promise<void> {
  for (const [name, yaml, message] of CASES) {
    await t.test(`${name} is refused`, async () => {
      const output = await cluster.tryKubectl(['apply', '-f', '-'], { input: yaml });
      assert.notEqual(output.code, 0, output.stdout);
      assert.match(output.stderr, message);
    });
  }

  await t.test('the guide’s mis-indented DestinationRule: the line, and the indentation it needs', async () => {
    const file = join(cluster.directory, 'rule.yaml');
    writeFileSync(file, guideBlock('kind: DestinationRule'));
    assert.notEqual((await cluster.tryKubectl(['apply', '-f', file])).code, 0);
    const output = await cluster.tryLateen('validate', '-f', file);
    assert.notEqual(output.code, 0);
    assert.match(output.stderr + output.stdout, /line 9/);
    assert.match(output.stderr + output.stdout, /indent/);
  });
}
