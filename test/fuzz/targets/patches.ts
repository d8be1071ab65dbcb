import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { mergeJson } from '../../../src/control/patch/json-merge.ts';
import { checkPatchValue, MESSAGE, typeOf, type Place } from '../../../src/control/patch/patch.ts';
import { messageTypes } from '../../../src/xds/message-types.ts';
import { json, type Target } from '../target.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters';
// The table has exactly these keys.
const PLACES = Object.keys(MESSAGE) as Place[];

/** JSON of Envoy's messages, as people write it into an EnvoyFilter. */
const values: Target = {
  name: 'envoy-filter-values',
  words: ['"@type":"', 'type.googleapis.com/', '"typed_config":{', '"typedConfig":{', '"value":', '"type_url":', 'null', '[]', '{}', '"1.5s"', '-1', '1e99', '"NaN"', 'true', '"metadata":{"filter_metadata":{', '__proto__', '"google.protobuf.Any"', '"fields":{'],
  seeds: [
    json({ name: 'a', connect_timeout: '1.5s', type: 'STRICT_DNS', http2ProtocolOptions: {}, load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'a', port_value: 80 } } } }] }] }, metadata: { filter_metadata: { x: { y: [1, null] } } } }),
    json({ name: 'l', typed_config: { '@type': `${TYPE}.http.local_ratelimit.v3.LocalRateLimit`, stat_prefix: 's', token_bucket: { max_tokens: 1, fill_interval: '60s' }, status: { code: 'TooManyRequests' } } }),
    json({ name: 'l', typed_config: { '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct', type_url: `${TYPE}.http.lua.v3.Lua`, value: { inline_code: 'x' } } }),
    json({ name: 'r', match: { prefix: '/' }, route: { cluster: 'c', retry_policy: { num_retries: 2 } }, typed_per_filter_config: { f: { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' } } }),
    json({ filters: [{ name: 'n', typed_config: { '@type': 'type.googleapis.com/of.Tomorrow', a: { b: 1 } } }] }),
  ],
  check(input) {
    let value: unknown;
    try {
      value = JSON.parse(input.toString('utf8'));
    } catch {
      return;
    }
    const types = messageTypes();
    for (const place of PLACES) {
      const issues = checkPatchValue(place, value, 'v');
      for (const issue of issues) assert.ok(issue.message !== '' && issue.path.startsWith('v'), JSON.stringify(issue));
      if (issues.some((issue) => issue.severity === 'error')) continue;
      const desc = typeOf(MESSAGE[place], types);
      const target = create(desc);
      mergeJson(desc, target, value, { types, lists: 'append', path: 'v', problem() {} });
      const once = toBinary(desc, target);
      // What was read can be read again, and written over itself.
      const again = fromBinary(desc, once);
      mergeJson(desc, again, value, { types, lists: 'replace', path: 'v', problem() {} });
      toBinary(desc, again);
    }
  },
};

export const targets: readonly Target[] = [values];
