/** WasmPlugin: a WebAssembly module in the filter chain. Istio: extensions.istio.io/v1alpha1 WasmPlugin. */
import { LabelSelector, TargetRef, TargetRefs } from './common/selectors.ts';
import { TrafficSelector, wasmFields } from './common/wasm.ts';
import { AGE, resourceOf, type Kind, type MeshObjectWithSpec } from './schema/kind.ts';
import { atMostOneOf } from './schema/rules.ts';
import { int32, list, nullable, object, oneOfWords, type Infer } from './schema/schema.ts';

export const WasmPluginSpec = object(
  {
    selector: LabelSelector,
    targetRef: TargetRef,
    targetRefs: TargetRefs,
    ...wasmFields,
    phase: oneOfWords('UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS'),
    priority: nullable(int32()),
    match: list(TrafficSelector),
  },
  { rules: [atMostOneOf(['selector', 'targetRef', 'targetRefs'], 'only one of targetRefs or selector can be set')] },
);
export type WasmPluginSpec = Infer<typeof WasmPluginSpec>;
export type WasmPlugin = MeshObjectWithSpec<WasmPluginSpec>;

export const WasmPluginKind: Kind<WasmPluginSpec> = {
  group: 'extensions.istio.io',
  kind: 'WasmPlugin',
  plural: 'wasmplugins',
  versions: ['v1alpha1'],
  columns: [AGE],
  spec: WasmPluginSpec,
  specRequired: true,
  description: 'A WebAssembly module in the filter chain.',
};
export const WasmPlugins = resourceOf<WasmPlugin>(WasmPluginKind);
