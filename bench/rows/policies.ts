/** Authorization policies that select other workloads must not be felt by one that they do not concern: what its sidecar is told of
 * them, which is all that a request could feel, and what it costs the control plane to work that out. */
import { create, toBinary } from '@bufbuild/protobuf';
import { buildAuthorization } from '../../src/control/translate/authorization.ts';
import { contextFor } from '../../src/control/translate/testing/context.ts';
import { HttpFilterSchema } from '../../src/xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Row } from '../row.ts';
import { markdownTable, median } from '../table.ts';

const OTHERS = [1, 100, 1000];
const REPEATS = 5000;

export const policies: Row = {
  name: 'policies',
  about: `one policy for a workload, ${OTHERS.join(', ')} for others: what the workload's sidecar gets (aim: flat within 10 %)`,
  run(options) {
    const meshes = OTHERS.map((others) => {
      const yaml = [policy('own', 'shop'), ...Array.from({ length: others }, (_, i) => policy(`other-${i}`, `other-${i}`))].join('---\n');
      const context = contextFor(yaml, { labels: { app: 'shop' } });
      const bytes = buildAuthorization(context).http.reduce((sum, filter) => sum + toBinary(HttpFilterSchema, create(HttpFilterSchema, filter)).length, 0);
      return { others, context, bytes, times: new Array<number>() };
    });
    // In turns, and first of all once that does not count: the code is compiled while it works.
    for (let run = 0; run <= options.runs; run++) {
      for (const { context, times } of meshes) {
        const begun = process.cpuUsage();
        for (let i = 0; i < REPEATS; i++) buildAuthorization(context);
        const { user, system } = process.cpuUsage(begun);
        if (run > 0) times.push((user + system) / REPEATS);
      }
    }
    const rows = meshes.map(({ others, bytes, times }) => [String(others), String(bytes), median(times).toFixed(1)]);
    console.log(markdownTable(['policies for others', 'bytes of filters for the sidecar', 'CPU µs to translate them for one sidecar'], rows));
    return Promise.resolve();
  },
};

const policy = (name: string, app: string) => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: default}
spec: {selector: {matchLabels: {app: ${app}}}, rules: [{from: [{source: {principals: ["cluster.local/ns/default/sa/${app}"]}}], to: [{operation: {methods: [GET], paths: ["/${app}/*"]}}]}]}
`;
