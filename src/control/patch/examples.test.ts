/** EnvoyFilters that others have written: none is refused, and what of them does nothing says so. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { EnvoyFilter } from '../../api/envoy-filter.ts';
import { isError, issueText } from '../../api/issue.ts';
import { EnvoyFilterKind } from '../../api/envoy-filter.ts';
import type { Stored } from '../../kube/object.ts';
import { judge } from '../registry/acceptance.ts';
import { readPatches } from './patch.ts';

const DATA = join(import.meta.dirname, '../../../../shared/data');
const FILES = ['suites/istio-crd-validation/envoyfilter-valid.yaml', 'istio-samples/samples/ratelimit/local-rate-limit-service.yaml', 'istio-samples/samples/bookinfo/policy/productpage_envoy_ratelimit.yaml'];

for (const file of FILES) {
  const path = join(DATA, file);
  test(`of ${file} every object is good`, { skip: existsSync(path) ? false : `${path} is not here` }, () => {
    const objects = parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Stored<EnvoyFilter> | null).filter((object) => object?.kind === 'EnvoyFilter');
    assert.ok(objects.length > 0);
    for (const object of objects) {
      if (!object) continue;
      const { isUsable, issues } = judge(EnvoyFilterKind, object);
      assert.deepEqual([object.metadata.name, isUsable, issues.filter(isError).map(issueText)], [object.metadata.name, true, []]);
      const { patches, ineffective } = readPatches(object);
      assert.equal(patches.length + ineffective.length, object.spec?.configPatches?.length);
      for (const { path: at, why } of ineffective) assert.match(`${at}: ${why}`, /there are no waypoints/);
    }
  });
}
