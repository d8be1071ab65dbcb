import { TypedExtensionConfigSchema } from '../../xds/generated/envoy/config/core/v3/extension_pb.js';
import { create } from '@bufbuild/protobuf';
import type { Origin } from '../registry/origin.ts';
import { encode } from './encode.ts';
import type { StableSecurity } from './stable.ts';
import type { Made, Workshop } from './workshop.ts';

/** What the filters of policies do, for proxies that fetch it.
 * @param key of the class of proxies */
export function securityExtensions(key: string, { security, policies }: { security: StableSecurity; policies: readonly Origin[] }, workshop: Workshop): Made[] {
  return security.extensions.map(({ name, typedConfig }) =>
    workshop.make(`extension ${key} ${name}`, [security, policies.join()], { kind: 'ExtensionConfig', namespace: '', name, origins: policies }, () =>
      encode(TypedExtensionConfigSchema, name, create(TypedExtensionConfigSchema, { name, typedConfig }), { origins: policies })));
}
