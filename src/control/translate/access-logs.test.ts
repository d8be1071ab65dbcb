import assert from 'node:assert/strict';
import test from 'node:test';
import { create } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { AccessLogSchema, type AccessLogFilter } from '../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import { FileAccessLogSchema } from '../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { StdoutAccessLogSchema } from '../../xds/generated/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { runtimeValues, telemetryPlan } from './telemetry.ts';
import { contextFor } from './testing/context.ts';

const telemetry = (name: string, logging: string, over = 'namespace: default') => `{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: ${name}, ${over}}, spec: {accessLogging: [${logging}]}}`;
const PROVIDERS: Partial<MeshConfig> = { extensionProviders: [{ name: 'mine', envoyFileAccessLog: { path: '/dev/stdout' } }, { name: 'file', envoyFileAccessLog: { path: '/var/log/a' } }] };

interface Case {
  readonly yaml?: string;
  readonly config?: Partial<MeshConfig>;
  readonly switchable?: boolean;
}

const contextOf = ({ yaml = '', config = {}, switchable = false }: Case) => contextFor(yaml, { fetches: switchable }, { config });

const filterText = (filter: AccessLogFilter | undefined): string => {
  const of = filter?.filterSpecifier;
  if (of?.case === 'andFilter') return of.value.filters.map(filterText).join(' and ');
  return of?.case === 'runtimeFilter' ? of.value.runtimeKey : (of?.case ?? '');
};

/** `file PATH` or `stdout`, and the condition. */
const logs = (c: Case): string[] =>
  telemetryPlan(contextOf(c), 'CLIENT').accessLog.map((log) => {
    const { configType, filter } = create(AccessLogSchema, log);
    const config = configType.case === 'typedConfig' ? configType.value : assert.fail();
    const file = anyUnpack(config, FileAccessLogSchema);
    assert.ok(file ?? anyUnpack(config, StdoutAccessLogSchema));
    return `${file ? `file ${file.path}` : 'stdout'} ${filterText(filter)}`.trim();
  });

const SWITCH = 'lateen.access_log.CLIENT';
const CEL = telemetry('cel', "{filter: {expression: 'response.code >= 500'}}");

for (const [what, c, want] of [
  ['none by default', {}, []],
  ['the mesh’s file', { config: { accessLogFile: '/x' } }, ['file /x']],
  ['a Telemetry object asks for the mesh’s log', { yaml: telemetry('a', '{}') }, ['file /dev/stdout']],
  ['one that is disabled', { yaml: telemetry('a', '{disabled: true}'), config: { accessLogFile: '/x' } }, []],
  ['by a provider, on a condition', { yaml: telemetry('a', "{providers: [{name: file}], filter: {expression: 'true'}}"), config: PROVIDERS }, ['file /var/log/a extensionFilter']],
  ['the default providers', { config: { ...PROVIDERS, defaultProviders: { accessLogging: ['mine'], tracing: [], metrics: [] } } }, ['file /dev/stdout']],
  ['with switches, a log that nobody asks for is there', { switchable: true }, [`stdout ${SWITCH}.envoy`]],
  ['and is the same when somebody does', { switchable: true, yaml: telemetry('a', '{}') }, [`stdout ${SWITCH}.envoy`]],
  ['each provider that writes to the output has a switch, a file is there when it is asked for', { switchable: true, config: PROVIDERS, yaml: telemetry('a', '{providers: [{name: file}]}') }, [`stdout ${SWITCH}.envoy`, `stdout ${SWITCH}.mine`, 'file /var/log/a']],
  ['the mesh’s log is a file', { switchable: true, config: { accessLogFile: '/x' } }, ['file /x']],
  ['a condition stands beside the switch', { switchable: true, yaml: CEL }, [`stdout ${SWITCH}.envoy and extensionFilter`]],
] as const satisfies readonly (readonly [string, Case, readonly string[]])[]) test(`access logs: ${what}`, () => assert.deepEqual(logs(c), want));

const values = (c: Case) => Object.entries(runtimeValues(contextOf({ ...c, switchable: true }))).map(([name, percent]) => `${name.slice('lateen.access_log.'.length)} ${percent}`);

for (const [what, c, want] of [
  ['off by default', {}, ['CLIENT.envoy 0', 'SERVER.envoy 0']],
  ['on', { yaml: telemetry('a', '{}') }, ['CLIENT.envoy 100', 'SERVER.envoy 100']],
  ['on one side', { yaml: telemetry('a', '{match: {mode: SERVER}}') }, ['CLIENT.envoy 0', 'SERVER.envoy 100']],
  ['one provider instead of another', { yaml: telemetry('a', '{providers: [{name: mine}]}'), config: PROVIDERS }, ['CLIENT.envoy 0', 'CLIENT.mine 100', 'SERVER.envoy 0', 'SERVER.mine 100']],
  ['the mesh’s output', { config: { accessLogFile: '/dev/stdout' } }, ['CLIENT.envoy 100', 'SERVER.envoy 100']],
] as const satisfies readonly (readonly [string, Case, readonly string[]])[]) test(`switches of access logs: ${what}`, () => assert.deepEqual(values(c), want));

test('a proxy that fetches no switches has none', () => assert.deepEqual(runtimeValues(contextOf({ yaml: telemetry('a', '{}') })), {}));
