/** TrafficExtension: a WebAssembly module or a Lua script in the filter chain. Istio: extensions.istio.io/v1alpha1. */
import { LabelSelector, TargetRefs } from './common/selectors.ts';
import { TrafficSelector, wasmFields } from './common/wasm.ts';
import { AGE, resourceOf, type Kind, type MeshObjectWithSpec } from './schema/kind.ts';
import { atMostOneOf } from './schema/rules.ts';
import { int32, list, nullable, object, oneOfWords, required, rule, string, type Infer } from './schema/schema.ts';

export const TrafficExtensionSpec = object(
  {
    selector: LabelSelector,
    targetRefs: TargetRefs,
    phase: oneOfWords('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
    priority: nullable(int32()),
    match: list(TrafficSelector),
    wasm: object(wasmFields),
    lua: object({ inlineCode: required(string({ minLength: 1, maxLength: 65536 })) }),
  },
  {
    oneOf: [['wasm', 'lua']],
    rules: [
      atMostOneOf(['selector', 'targetRefs'], 'only one of targetRefs or selector can be set'),
      rule('has(self.wasm) != has(self.lua)', 'exactly one of wasm or lua must be set'),
    ],
  },
);
export type TrafficExtensionSpec = Infer<typeof TrafficExtensionSpec>;
export type TrafficExtension = MeshObjectWithSpec<TrafficExtensionSpec>;

export const TrafficExtensionKind: Kind<TrafficExtensionSpec> = {
  group: 'extensions.istio.io',
  kind: 'TrafficExtension',
  plural: 'trafficextensions',
  versions: ['v1alpha1'],
  columns: [AGE],
  spec: TrafficExtensionSpec,
  specRequired: true,
  description: 'A WebAssembly module or a Lua script in the filter chain.',
};
export const TrafficExtensions = resourceOf<TrafficExtension>(TrafficExtensionKind);
