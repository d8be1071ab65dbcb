import assert from 'node:assert/strict';
import test from 'node:test';
import { create, toJson } from '@bufbuild/protobuf';
import { messageTypes } from '../../xds/message-types.ts';
import { mergeJson } from './json-merge.ts';
import { MESSAGE, typeOf, type Place } from './patch.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const STRUCT = 'type.googleapis.com/udpa.type.v1.TypedStruct';

/** What comes of values that are laid over each other, and what is said of them. */
function merged(place: Place, values: readonly unknown[], lists: 'append' | 'replace' = 'append'): { json: unknown; problems: string[] } {
  const types = messageTypes();
  const desc = typeOf(MESSAGE[place], types);
  const message = create(desc);
  const problems: string[] = [];
  for (const value of values) mergeJson(desc, message, value, { types, lists, path: 'v', problem: (p) => void problems.push(`${p.path}: ${p.message}${p.isPassed ? ' (passed)' : ''}`) });
  return { json: toJson(desc, message, { registry: types }), problems };
}

const MERGED: readonly (readonly [name: string, place: Place, values: readonly unknown[], json: unknown])[] = [
  ['names in both spellings', 'CLUSTER', [{ connect_timeout: '1s', dnsLookupFamily: 'V4_ONLY' }], { connectTimeout: '1s', dnsLookupFamily: 'V4_ONLY' }],
  ['a duration replaces', 'CLUSTER', [{ connect_timeout: '1.5s' }, { connect_timeout: '2s' }], { connectTimeout: '2s' }],
  ['defaults are set', 'LISTENER', [{ use_original_dst: true, continue_on_listener_filters_timeout: true }, { use_original_dst: false, continue_on_listener_filters_timeout: false }], { useOriginalDst: false }],
  ['messages are merged', 'CLUSTER', [{ upstream_connection_options: { tcp_keepalive: { keepalive_time: 1 } } }, { upstream_connection_options: { tcp_keepalive: { keepalive_interval: 2 } } }], { upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 1, keepaliveInterval: 2 } } }],
  ['one of several replaces the others', 'HTTP_ROUTE', [{ direct_response: { status: 404 } }, { route: { cluster: 'c' } }], { route: { cluster: 'c' } }],
  ['metadata is JSON', 'CLUSTER', [{ metadata: { filter_metadata: { a: { b: [1, { c: null }] } } } }], { metadata: { filterMetadata: { a: { b: [1, { c: null }] } } } }],
  ['a known extension in a struct is read', 'HTTP_FILTER', [{ name: 'l', typed_config: { '@type': STRUCT, type_url: `${TYPE}.local_ratelimit.v3.LocalRateLimit`, value: { stat_prefix: 's' } } }], { name: 'l', typedConfig: { '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`, statPrefix: 's' } }],
  ['an extension of the same type is merged, of another it replaces', 'HTTP_FILTER', [
    { typed_config: { '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`, stat_prefix: 's' } }, { typed_config: { '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`, stage: 2 } },
  ], { typedConfig: { '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`, statPrefix: 's', stage: 2 } }],
];
for (const [name, place, values, json] of MERGED) test(`merged: ${name}`, () => assert.deepEqual(merged(place, values), { json, problems: [] }));

test('merged: lists grow, or are replaced', () => {
  const values = [{ domains: ['a'], routes: [{ name: 'x' }] }, { domains: ['b'], routes: [{ name: 'y' }] }];
  assert.deepEqual(merged('VIRTUAL_HOST', values).json, { domains: ['a', 'b'], routes: [{ name: 'x' }, { name: 'y' }] });
  assert.deepEqual(merged('VIRTUAL_HOST', values, 'replace').json, { domains: ['b'], routes: [{ name: 'y' }] });
});

const nest = (depth: number): object => (depth === 0 ? {} : { '@type': STRUCT, type_url: STRUCT, value: nest(depth - 1) });

const SAID: readonly (readonly [name: string, place: Place, value: unknown, says: RegExp])[] = [
  ['no object', 'CLUSTER', [], /^v: must be an object with the fields of envoy\.config\.cluster\.v3\.Cluster, not a list$/],
  ['a field that there is not', 'CLUSTER', { load_assignment: { endpoint: [] } }, /^v\.load_assignment\.endpoint: .* has no field endpoint; did you mean endpoints\?$/],
  ['two of which one is to be set', 'HTTP_ROUTE', { match: { prefix: '/', path: '/' } }, /^v\.match\.path: set only one of prefix, path$/],
  ['nothing', 'CLUSTER', { name: null }, /^v\.name: null says nothing/],
  ['a word that there is not', 'CLUSTER', { lb_policy: 'ROUND_ROBN' }, /^v\.lb_policy: ROUND_ROBN is none of .*; did you mean ROUND_ROBIN\?$/],
  ['a number that is none', 'CLUSTER', { load_assignment: { endpoints: [{ priority: 'x' }] } }, /^v\.load_assignment\.endpoints\[0\]\.priority: /],
  ['no list', 'VIRTUAL_HOST', { routes: {} }, /^v\.routes: must be a list, not an object$/],
  ['an extension without a type', 'HTTP_FILTER', { typed_config: { a: 1 } }, /^v\.typed_config\[@type\]: must name the type/],
  ['a type that is not known', 'HTTP_FILTER', { typed_config: { '@type': 'type.googleapis.com/of.Tomorrow' } }, /^v\.typed_config\[@type\]: type of\.Tomorrow is not known here \(passed\)$/],
  ['a field that only a newer Envoy has', 'HTTP_FILTER', { typed_config: { '@type': `${TYPE}.router.v3.Router`, of_tomorrow: 1 } }, /^v\.typed_config\.of_tomorrow: .* has no field of_tomorrow \(passed\)$/],
  ['a field that is misspelt', 'HTTP_FILTER', { typed_config: { '@type': `${TYPE}.router.v3.Router`, dynamic_stat: true } }, /^v\.typed_config\.dynamic_stat: .*; did you mean dynamic_stats\?$/],
  ['too deep', 'HTTP_FILTER', { typed_config: nest(500) }, /nests deeper than 90 messages$/],
];
for (const [name, place, value, says] of SAID) test(`said: ${name}`, () => assert.match(merged(place, [value]).problems.join('\n'), says));
