/** Lateen's data path alone, fed with the resources of a JSON file instead of a control plane, for comparing it with other
 * proxies on equal terms. `TELEMETRY`: with all that a sidecar does to observe; `LOG_OUTCOMES`: one JSON line per outcome instead. `node main.ts FILE` */
import { readFileSync } from 'node:fs';
import { fromJson, toBinary, type DescMessage, type JsonValue, type Message } from '@bufbuild/protobuf';
import { systemClock } from '../../base/clock.ts';
import { createLog, LogLevels } from '../../base/log.ts';
import { createRuntime } from '../../proxy/runtime.ts';
import { Telemetry } from '../../proxy/telemetry/telemetry.ts';
import { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { registry } from './registry.ts';

interface Resources {
  listeners: JsonValue[];
  clusters: JsonValue[];
}

const resources = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Resources;

const log = createLog(new LogLevels('warn'));

/** What a sidecar does with every outcome: metrics, access log, spans. */
function createTelemetry(): Telemetry {
  const names = { name: 'static', namespace: 'default', workload: 'static', serviceAccount: 'default', app: 'static', version: 'v1', canonicalName: 'static', canonicalRevision: 'v1', clusterId: 'Kubernetes', meshId: 'cluster.local' };
  return new Telemetry({ settings: { workload: { ...names, labels: new Map(), annotations: new Map() }, role: 'sidecar', nodeId: 'sidecar~127.0.0.1~static.default~default.svc.cluster.local', nodeCluster: 'static.default' }, log });
}

// The environment is read once: each look at it costs as much as finding a route does many times over.
const logsOutcomes = Boolean(process.env['LOG_OUTCOMES']);
const telemetry = process.env['TELEMETRY'] ? createTelemetry() : undefined;

const runtime = createRuntime({
  outcomes: telemetry ?? {
    record(outcome) {
      if (logsOutcomes && outcome.kind === 'http') process.stdout.write(`${JSON.stringify({ flags: outcome.flags.length === 0 ? '-' : outcome.flags.join(','), details: outcome.details, code: outcome.responseCode, id: outcome.requestHeaders.get('x-scenario') })}\n`);
    },
    opened() {},
  },
  secrets: { get: () => undefined, onChange: () => () => {} },
  peer: { ownId: 'static', ownValue: '', decode: () => undefined },
  clock: systemClock,
  tracer: telemetry?.tracer,
  log,
  bind: {},
  node: { id: 'static', cluster: 'static' },
});

function apply<T extends Message & { name: string }>(schema: DescMessage, jsons: JsonValue[]): void {
  const messages = jsons.map((json) => fromJson(schema, json, { registry }) as T);
  const rejected = runtime.apply({ typeUrl: `type.googleapis.com/${schema.typeName}`, upserted: messages.map((message) => ({ name: message.name, version: '1', value: toBinary(schema, message) })), removed: [] });
  for (const { name, message } of rejected) process.stderr.write(`${name}: ${message}\n`);
  if (rejected.length > 0) process.exit(1);
}

apply(ClusterSchema, resources.clusters);
apply(ListenerSchema, resources.listeners);
process.once('SIGTERM', () => process.exit(0));
