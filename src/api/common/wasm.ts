/** A WebAssembly module in the filter chain, and which traffic passes it: WasmPlugin and TrafficExtension. */
import { anything, integer, list, object, oneOfWords, required, rule, string, type Infer } from '../schema/schema.ts';

export const TrafficSelector = object({
  mode: oneOfWords('UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER'),
  ports: list(object({ number: required(integer(1, 65535)) }), { key: 'number' }),
});
export type TrafficSelector = Infer<typeof TrafficSelector>;

const VmConfig = object({
  env: list(
    object(
      { name: required(string({ minLength: 1, maxLength: 256 })), value: string({ maxLength: 2048 }), valueFrom: oneOfWords('INLINE', 'HOST') },
      { rules: [rule("!has(self.valueFrom) || self.valueFrom != 'HOST' || !has(self.value)", 'value may only be set when valueFrom is INLINE')] },
    ),
    { maxItems: 256, key: 'name' },
  ),
});

/** The fields that say which module runs and how. */
export const wasmFields = {
  url: required(
    string({
      minLength: 1,
      rules: [rule("self.contains('://') ? self.matches('^(http|https|file|oci)://.') : self.matches('^[a-zA-Z0-9/.]')", 'url must have schema one of [http, https, file, oci]')],
    }),
  ),
  sha256: string({ pattern: '(^$|^[a-f0-9]{64}$)' }),
  imagePullPolicy: oneOfWords('UNSPECIFIED_POLICY', 'IfNotPresent', 'Always'),
  imagePullSecret: string({ minLength: 1, maxLength: 253 }),
  verificationKey: string(),
  pluginConfig: anything(),
  pluginName: string({ minLength: 1, maxLength: 256 }),
  failStrategy: oneOfWords('FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD'),
  vmConfig: VmConfig,
  type: oneOfWords('UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK'),
};
